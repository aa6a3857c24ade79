import Foundation
import OTXCore

extension FolderContents {
  /// A copy with one to four things wrong; the same seed and number damage the same.
  public func mutated(seed: UInt64, number: UInt64) -> FolderContents {
    var generator = CounterGenerator(seed: seed, number)
    var result = self
    for _ in 0...generator.below(4) { result.mutate(&generator) }
    return result
  }

  private mutating func mutate(_ generator: inout CounterGenerator) {
    let files = nodes.keys.sorted().filter { path in
      if case .file = nodes[path] { true } else { false }
    }
    guard !files.isEmpty else { return }
    // What says something of pictures is worth more than the pictures.
    let pictureEndings = [".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"]
    let others = files.filter { path in
      !pictureEndings.contains { path.lowercased().hasSuffix($0) }
    }
    let isPicture = others.isEmpty || generator.below(8) == 0
    let path = generator.element(isPicture ? files : others)
    if generator.below(10) == 0 {
      mutateName(path, &generator)
      return
    }
    guard case .file(var bytes) = nodes[path] else { return }
    FileMutation.mutate(&bytes, &generator)
    nodes[path] = .file(bytes)
  }

  private mutating func mutateName(_ path: String, _ generator: inout CounterGenerator) {
    let node = nodes[path]
    let parts = path.split(separator: "/").map(String.init)
    let folder = parts.dropLast().joined(separator: "/")
    func beside(_ name: String) -> String { folder.isEmpty ? name : "\(folder)/\(name)" }
    let name = parts.last ?? path
    switch generator.below(14) {
    case 0: nodes[path] = nil
    case 1: nodes[path] = .file([])
    case 2: nodes[path] = .folder
    case 3: nodes[path] = .link(name)
    case 4: nodes[path] = .link("missing")
    case 5: nodes[path] = .pipe
    case 6: nodes[beside("around")] = .link(".")
    case 7: nodes[beside("up")] = .link(parts.count > 1 ? ".." : ".")
    case 8:
      // A folder becomes a file, or its opposite.
      for other in nodes.keys where !folder.isEmpty && other.hasPrefix(folder + "/") {
        nodes[other] = nil
      }
      nodes[folder.isEmpty ? path : folder] = .file([0x7B, 0x7D])
    case 9:
      nodes[path] = nil
      nodes[beside(name.uppercased())] = node
    case 10: nodes[beside(name.uppercased())] = node
    case 11:
      nodes[path] = nil
      let ending = name.split(separator: ".").last.map { ".\($0)" } ?? ""
      let stems = [
        "a b", "a\\b", "a\nb", "e\u{301}", "\u{e9}", "😀", "a:b", "%41%00", "con", ".hidden",
        "a'\"b",
        String(repeating: "n", count: 240), "-1", "1e308", "18446744073709551616", "\u{202e}x",
      ]
      nodes[beside(generator.element(stems) + ending)] = node
    case 12:
      let files = nodes.keys.sorted()
      nodes[path] = nodes[generator.element(files)]
    default:
      nodes[path] = nil
      nodes[name] = node
    }
  }
}

extension CounterGenerator {
  /// A number from 0 up to `count`; 0 where there is none.
  mutating func below(_ count: Int) -> Int {
    count <= 1 ? 0 : Int(next() >> 11) % count
  }

  mutating func element<Element>(_ elements: [Element]) -> Element {
    elements[below(elements.count)]
  }
}
