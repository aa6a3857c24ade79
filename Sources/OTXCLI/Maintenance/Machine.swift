import Foundation
import OTXCore

/// What the kernel tells of this machine and of the limits that this process lives in.
struct Machine {
  private let root: URL

  /// - Parameter root: The root of the file system; tests name another.
  init(root: URL = URL(filePath: "/")) { self.root = root }

  private func text(_ path: String) -> String? {
    try? String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// The first line of a file that begins with `key`, without it.
  private func field(_ key: String, in path: String) -> String? {
    guard let line = text(path)?.split(separator: "\n").first(where: { $0.hasPrefix(key) }),
      let colon = line.firstIndex(of: ":")
    else { return nil }
    return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
  }

  var processor: Processor { Processor(root: root) }

  /// What of the processor matters for speed, and whether it is there.
  var processorFeatures: [(name: String, isThere: Bool)] {
    let flags = processor.flags
    return [
      ("AVX2", "avx2"), ("AVX-512", "avx512f"), ("AVX-512 bf16", "avx512_bf16"),
      ("AMX bf16", "amx_bf16"), ("AMX int8", "amx_int8"),
    ].map { ($0, flags.contains($1)) }
  }

  /// Bytes of memory, and those that could be had now.
  var memory: (total: Int, available: Int)? {
    func bytes(_ key: String) -> Int? {
      field(key, in: "proc/meminfo")
        .flatMap { Int($0.prefix { $0.isNumber }) }.map { $0 * 1024 }
    }
    guard let total = bytes("MemTotal"), let available = bytes("MemAvailable") else { return nil }
    return (total, available)
  }

  /// The least memory, in bytes, that a control group around this process allows; `nil`: no limit.
  var memoryLimit: Int? {
    let files =
      ControlGroups.folders(root).map { "\($0)/memory.max" }
      + ["sys/fs/cgroup/memory/memory.limit_in_bytes"]
    let limits = files.compactMap(text).compactMap { Int($0.trimmingCharacters(in: .newlines)) }
    // The first version of control groups says "no limit" by a huge number.
    return limits.filter { $0 < 1 << 50 }.min()
  }

  /// Graphics processors by the names that the kernel has for them.
  var graphicsProcessors: [String] {
    let nvidia = names(in: "proc/driver/nvidia/gpus").map { gpu in
      field("Model", in: "proc/driver/nvidia/gpus/\(gpu)/information") ?? "NVIDIA GPU"
    }
    let vendors = ["0x8086": "Intel", "0x1002": "AMD", "0x10de": "NVIDIA"]
    let others = names(in: "dev/dri").filter { $0.hasPrefix("renderD") }.compactMap { node in
      let file = "sys/class/drm/\(node)/device/vendor"
      let vendor = vendors[(text(file) ?? "").trimmingCharacters(in: .whitespacesAndNewlines)]
      return vendor == "NVIDIA" && !nvidia.isEmpty ? nil : "\(vendor ?? "unknown") GPU (\(node))"
    }
    return nvidia + others
  }

  private func names(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? [])
      .sorted()
  }
}
