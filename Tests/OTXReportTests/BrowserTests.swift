import Foundation
import OTXCore
import OTXTesting
import Testing

@testable import OTXReport

/// How a report looks: it is drawn by a browser without a window, at the widths of a desk and a hand.
@Suite(
  "Reports in a browser",
  .serialized,
  .enabled(if: Browser.path != nil, "no Chromium on PATH")
)
struct BrowserTests {
  @Test("nothing is wider than the page", arguments: [1280, 390], [3, 80])
  func fits(width: Int, labelCount: Int) throws {
    let folder = try TemporaryFolder()
    try SyntheticRun.write(to: folder.url, labelCount: labelCount)
    let page = try RunReport(directory: folder.url).page()
    try page.write(to: folder.url.appending(path: "report.html"))
    let result = try Browser.open(folder.url, width: width)
    // The frame, and the widest that anything in it is drawn outside of a box that scrolls.
    #expect(result.dom.contains("frame=\(width) content=\(width) wide=none plots=10 errors=0"))
    #expect(result.console.isEmpty, "\(result.console)")
  }

  @Test("it is drawn", arguments: [1280, 390])
  func isDrawn(width: Int) throws {
    let folder = try TemporaryFolder()
    try SyntheticRun.write(to: folder.url)
    let page = try RunReport(directory: folder.url).page()
    try page.write(to: folder.url.appending(path: "report.html"))
    let picture = folder.url.appending(path: "report.png")
    _ = try Browser.open(folder.url, width: width, screenshot: picture)
    let bytes = try Data(contentsOf: picture)
    #expect(bytes.prefix(4) == Data([0x89, 0x50, 0x4E, 0x47]))
    // An empty page of this size packs into a few kilobytes.
    #expect(bytes.count > 40_000)
  }
}

/// Chromium, where it is installed.
enum Browser {
  static let path: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for name in ["chromium", "chromium-browser", "google-chrome"] {
      for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)")
      {
        return "\(folder)/\(name)"
      }
    }
    return nil
  }()

  struct Result {
    var dom: String
    /// Lines that the page wrote to the console.
    var console: [Substring]
  }

  /// Opens `report.html` of a folder in a frame of a given width, which a window need not have.
  static func open(_ folder: URL, width: Int, screenshot: URL? = nil) throws -> Result {
    let frame = """
      <!DOCTYPE html><body style="margin:0"><iframe id="f" src="report.html"
      style="border:0;width:\(width)px;height:4000px"></iframe><p id="result"></p><script>
      var errors = 0;
      window.onload = function () {
        var frame = document.getElementById('f');
        frame.contentWindow.onerror = function () { errors += 1; };
        var page = frame.contentDocument, root = page.documentElement, wide = 'none';
        page.querySelectorAll('body *').forEach(function (e) {
          if (e.getBoundingClientRect().right <= root.clientWidth + 1) return;
          for (var p = e; p; p = p.parentElement) {
            if (p.tagName === 'svg' || getComputedStyle(p).overflowX !== 'visible') return;
          }
          wide = e.outerHTML.slice(0, 80).replace(/[<>]/g, ' ');
        });
        document.getElementById('result').textContent = 'frame=' + root.clientWidth + ' content=' +
          root.scrollWidth + ' wide=' + wide + ' plots=' + page.querySelectorAll('.plot').length +
          ' errors=' + errors;
      };
      </script></body>
      """
    let file = folder.appending(path: "frame.html")
    try Data(frame.utf8).write(to: file)
    let process = Process()
    process.executableURL = URL(filePath: path ?? "")
    process.arguments =
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
        "--disable-dev-shm-usage", "--enable-logging=stderr", "--allow-file-access-from-files",
        "--user-data-dir=\(folder.appending(path: "profile").path)",
        "--window-size=\(max(width, 600)),4100", "--virtual-time-budget=2000",
      ] + (screenshot.map { ["--screenshot=\($0.path)"] } ?? ["--dump-dom"])
      + [file.absoluteString]
    let output = folder.appending(path: "output.txt")
    let errors = folder.appending(path: "errors.txt")
    for file in [output, errors] { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let dom = String(decoding: try Data(contentsOf: output), as: UTF8.self)
    let lines = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
    return Result(
      dom: dom,
      console: lines.split(separator: "\n").filter { $0.contains(":CONSOLE") }
    )
  }
}
