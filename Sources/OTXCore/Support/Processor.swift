package import Foundation

/// The processor, and how much of it this process may use.
package struct Processor: Sendable, Equatable {
  /// As the maker calls it: `AMD EPYC`.
  package let name: String
  /// The kernel's names of what it can do: `avx2`, `amx_bf16`.
  package let flags: Set<String>
  /// The least number of cores whose time a control group allows; `nil`: no limit.
  package let coreLimit: Double?
  /// The cores that this process may run on; empty: unknown.
  package let cores: [ProcessorCore]

  /// This machine's, read once.
  package static let current = Processor(root: URL(filePath: "/"))

  package init(
    name: String,
    flags: Set<String>,
    coreLimit: Double? = nil,
    cores: [ProcessorCore] = []
  ) {
    (self.name, self.flags, self.coreLimit, self.cores) = (name, flags, coreLimit, cores)
  }

  /// What the kernel tells below `root`; a machine that tells nothing can do nothing special.
  package init(root: URL) {
    let lines = Self.text(root, "proc/cpuinfo").split(separator: "\n")
    func field(_ key: String) -> String? {
      guard let line = lines.first(where: { $0.hasPrefix(key) }),
        let colon = line.firstIndex(of: ":")
      else { return nil }
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      return value.isEmpty ? nil : value
    }
    name = field("model name") ?? "unknown"
    flags = Set((field("flags") ?? "").split(separator: " ").map(String.init))
    coreLimit = Self.coreLimit(root)
    cores = ProcessorCore.all(root: root)
  }

  /// Whether it multiplies matrices in bf16.
  package var hasBFloat16: Bool { flags.contains("amx_bf16") || flags.contains("avx512_bf16") }

  /// Threads that can run at the same time: the logical processors that the process may run on,
  /// within the limit of its control group.
  package var coreCount: Int {
    limited(max(ProcessInfo.processInfo.activeProcessorCount, 1))
  }

  /// The cores that compute: the fast ones of a processor that has two kinds.
  ///
  /// Threads that compute share each operator evenly and wait for the last one.
  package var computeCores: [ProcessorCore] {
    let fast = cores.filter { !$0.isEfficient }
    return fast.isEmpty ? cores : fast
  }

  /// Threads that compute at the same time; more would only wait for each other.
  ///
  /// One for each core that computes, since the two threads of a core share its arithmetic; within the
  /// limit of the control group.
  package var computeThreadCount: Int {
    computeCores.isEmpty ? coreCount : limited(computeCores.count)
  }

  private func limited(_ count: Int) -> Int {
    guard let coreLimit, coreLimit < Double(count) else { return count }
    return max(Int(coreLimit.rounded(.up)), 1)
  }

  private static func coreLimit(_ root: URL) -> Double? {
    var limits: [Double] = ControlGroups.folders(root).compactMap { folder in
      let words = text(root, "\(folder)/cpu.max").split(whereSeparator: \.isWhitespace)
      guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]) else {
        return nil
      }
      return quota / period
    }
    let old = ["quota", "period"].compactMap { word in
      Double(
        text(root, "sys/fs/cgroup/cpu/cpu.cfs_\(word)_us").trimmingCharacters(in: .newlines)
      )
    }
    if old.count == 2, old[0] > 0, old[1] > 0 { limits.append(old[0] / old[1]) }
    return limits.filter { $0 > 0 }.min()
  }

  private static func text(_ root: URL, _ path: String) -> String {
    (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
  }
}

/// The control groups that this process is in, version 2.
package enum ControlGroups {
  /// The folders of its group and of those around it, from the outermost; relative to `root`.
  package static func folders(_ root: URL) -> [String] {
    var folders = ["sys/fs/cgroup"]
    let groups = try? String(contentsOf: root.appending(path: "proc/self/cgroup"), encoding: .utf8)
    // A line `0::/path`: limits of every folder on the way hold.
    if let line = groups?.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) {
      var path = "sys/fs/cgroup"
      for part in line.dropFirst(4).split(separator: "/") where part != ".." {
        path += "/\(part)"
        folders.append(path)
      }
    }
    return folders
  }
}
