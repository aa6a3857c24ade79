package import Foundation

/// What the system and its control groups could give this process.
package enum SystemMemory {
  /// Bytes that are free now; `nil` where the system does not say.
  ///
  /// The least of the machine's available memory and of what is left of each control group's limit,
  /// versions 1 and 2. Files that the system keeps in memory are given up when it is needed, so
  /// they count as free.
  package static func availableBytes(root: URL = URL(filePath: "/")) -> Int? {
    let groups = controlGroups(root).map { max($0.limit - $0.usage, 0) }
    return ([machineBytes(root)] + groups).compactMap { $0 }.min()
  }

  /// Bytes that this process could have in all: what is free and what it has, within the limits of
  /// its control groups; `nil` where the system does not say.
  package static func attainableBytes(root: URL = URL(filePath: "/")) -> Int? {
    let own = kilobytes("VmRSS:", in: text(root, "proc/self/status")) ?? 0
    let limits = controlGroups(root).map(\.limit)
    return ([machineBytes(root).map { $0 + own }] + limits).compactMap { $0 }.min()
  }

  /// The most bytes that this process ever had resident; 0 where the system does not say.
  package static func peakBytes(root: URL = URL(filePath: "/")) -> Int {
    kilobytes("VmHWM:", in: text(root, "proc/self/status")) ?? 0
  }

  private static func machineBytes(_ root: URL) -> Int? {
    kilobytes("MemAvailable:", in: text(root, "proc/meminfo"))
  }

  /// Limit and usage of each control group that has a limit.
  private static func controlGroups(_ root: URL) -> [(limit: Int, usage: Int)] {
    ControlGroups.folders(root).flatMap { folder in
      [
        (limit: "memory.max", usage: "memory.current", statistics: "memory.stat"),
        (
          limit: "memory/memory.limit_in_bytes", usage: "memory/memory.usage_in_bytes",
          statistics: "memory/memory.stat"
        ),
      ].compactMap { names in
        // Without a limit it says `max`, or a number that no machine has.
        guard let limit = number(root, "\(folder)/\(names.limit)"), limit < 1 << 60 else {
          return nil
        }
        let usage = number(root, "\(folder)/\(names.usage)") ?? 0
        return (limit, usage - fileBytes(text(root, "\(folder)/\(names.statistics)")))
      }
    }
  }

  /// Bytes of files that a control group keeps in memory.
  private static func fileBytes(_ statistics: String?) -> Int {
    var values: [Substring: Int] = [:]
    for line in statistics?.split(separator: "\n") ?? [] {
      let parts = line.split(separator: " ")
      if parts.count == 2 { values[parts[0]] = Int(parts[1]) }
    }
    func value(_ name: String) -> Int { values["total_\(name)"] ?? values[Substring(name)] ?? 0 }
    return value("inactive_file") + value("active_file")
  }

  private static func kilobytes(_ key: String, in text: String?) -> Int? {
    let line = text?.split(separator: "\n").first { $0.hasPrefix(key) }
    let number = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
    return number.flatMap { Int($0) }.map { $0 * 1024 }
  }

  private static func number(_ root: URL, _ path: String) -> Int? {
    text(root, path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  private static func text(_ root: URL, _ path: String) -> String? {
    try? String(contentsOf: root.appending(path: path), encoding: .utf8)
  }
}
