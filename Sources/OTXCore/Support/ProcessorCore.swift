import Foundation

/// A core and the logical processors on it that this process may use.
package struct ProcessorCore: Sendable, Equatable {
  /// As the system numbers them, rising; two where the core runs two threads at a time.
  package let processors: [Int]
  /// Whether it is one of the slower cores of a processor that has two kinds.
  package let isEfficient: Bool

  package init(processors: [Int], isEfficient: Bool = false) {
    (self.processors, self.isEfficient) = (processors, isEfficient)
  }

  /// The cores that the kernel tells of below `root`; none where it tells nothing.
  ///
  /// What the process may use is that of its first thread: others may be bound to single cores.
  static func all(root: URL) -> [ProcessorCore] {
    func text(_ path: String) -> String? {
      try? String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
    let key = "Cpus_allowed_list:"
    guard
      let line = text("proc/self/status")?.split(separator: "\n").first(where: { $0.hasPrefix(key) }
      )
    else { return [] }
    let allowed = numbers(line.dropFirst(key.count))
    let efficient = Set(numbers(text("sys/devices/cpu_atom/cpus") ?? ""))
    var seen: Set<Int> = []
    return allowed.compactMap { number in
      guard !seen.contains(number) else { return nil }
      let topology = "sys/devices/system/cpu/cpu\(number)/topology/thread_siblings_list"
      let siblings = Set(numbers(text(topology) ?? "")).union([number])
      let processors = allowed.filter(siblings.contains)
      seen.formUnion(processors)
      return ProcessorCore(
        processors: processors,
        isEfficient: efficient.contains(number)
      )
    }
  }

  /// The numbers of a list as the kernel writes it: `0-3,8`; what is no number is passed over.
  static func numbers(_ list: some StringProtocol) -> [Int] {
    list.split(separator: ",").flatMap { part -> [Int] in
      let ends = part.split(separator: "-", maxSplits: 1)
        .map { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
      // No machine has a million processors; a damaged list must not make so many numbers.
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0, first <= last,
        last < 1_000_000
      else { return [] }
      return Array(first...last)
    }
  }
}
