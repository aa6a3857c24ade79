import ArgumentParser
import Foundation
import OTXCore

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Say what is installed and what is missing."
  )

  @OptionGroup(title: "Output") var output: OutputArguments

  func run() throws {
    let findings = Doctor.findings()
    if output.json {
      let items = findings.map { finding in
        JSONText.object([
          "name": .string(finding.name), "found": .string(finding.found),
          "ok": .bool(finding.advice == nil), "advice": finding.advice.map { .string($0) } ?? .null,
        ])
      }
      Console.current.print(JSONText.object(["items": .array(items)]).text)
    } else {
      let table = TextTable(
        columns: ["WHAT", "FOUND"],
        rows: findings.map { [$0.name, $0.found] }
      )
      Console.current.print(table.rendered(width: Console.current.outputWidth))
      for advice in findings.compactMap(\.advice) { Console.current.print(advice) }
    }
    if findings.contains(where: { $0.advice != nil }) { throw ExitCode.failure }
  }

  /// One thing that was looked at.
  struct Finding {
    var name: String
    var found: String
    /// What to do, where something is missing.
    var advice: String?
  }

  /// Looks, without loading a framework.
  static func findings() -> [Finding] {
    let process = ProcessInfo.processInfo
    let memory = String(format: "%.1f GiB", Double(process.physicalMemory) / 0x1p30)
    return [
      Finding(name: "otx", found: OTXVersion.current),
      Finding(name: "system", found: process.operatingSystemVersionString),
      Finding(name: "cores", found: "\(process.activeProcessorCount)"),
      Finding(name: "memory", found: memory),
      Finding(name: "processor", found: processorFeatures()),
    ] + libraries()
  }

  /// What of the processor matters for speed.
  private static func processorFeatures() -> String {
    guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else {
      return "unknown"
    }
    func value(_ key: String) -> Substring? {
      text.split(separator: "\n").first { $0.hasPrefix(key) }?.split(separator: ":").last
    }
    let flags = Set((value("flags") ?? "").split(separator: " "))
    let known = ["avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8"]
      .filter { flags.contains(Substring($0)) }
    let name = (value("model name") ?? "unknown").trimmingCharacters(in: .whitespaces)
    return known.isEmpty ? name : "\(name) (\(known.joined(separator: ", ")))"
  }
}

extension Doctor {
  /// The libraries underneath, found but not opened.
  private static func libraries() -> [Finding] {
    [("libtorch", "libotx_torch.so"), ("OpenVINO", "libotx_openvino.so")].map { name, file in
      do throws(NativeLibraryError) {
        let found = try NativeLibrarySearch(fileName: file).find()
        return Finding(name: name, found: found.path)
      } catch {
        return Finding(name: name, found: "missing", advice: error.description)
      }
    }
  }
}
