package import Foundation

/// What the system and its control groups could give this process now.
package enum SystemMemory {
  /// Bytes that are free; `nil` where the system does not say.
  ///
  /// The least of the machine's available memory and of what is left of each control group's limit,
  /// versions 1 and 2.
  package static func availableBytes(root: URL = URL(filePath: "/")) -> Int? {
    var candidates: [Int] = []
    if let machine = machineBytes(root) { candidates.append(machine) }
    var folders = ["sys/fs/cgroup"]
    // In version 2 a line `0::/path`: limits of every folder on the way hold.
    let groups = text(root, "proc/self/cgroup")?.split(separator: "\n") ?? []
    if let line = groups.first(where: { $0.hasPrefix("0::/") }) {
      var path = "sys/fs/cgroup"
      for part in line.dropFirst(4).split(separator: "/") where part != ".." {
        path += "/\(part)"
        folders.append(path)
      }
    }
    for folder in folders {
      let pairs = [
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
      ]
      for (limit, usage) in pairs {
        // Without a limit it says `max`, or a number no machine has.
        guard let limit = number(root, "\(folder)/\(limit)"), limit < 1 << 60 else { continue }
        candidates.append(max(limit - (number(root, "\(folder)/\(usage)") ?? 0), 0))
      }
    }
    return candidates.min()
  }

  private static func machineBytes(_ root: URL) -> Int? {
    let line = text(root, "proc/meminfo")?.split(separator: "\n")
      .first { $0.hasPrefix("MemAvailable:") }
    let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
    return kilobytes.flatMap { Int($0) }.map { $0 * 1024 }
  }

  private static func number(_ root: URL, _ path: String) -> Int? {
    text(root, path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  private static func text(_ root: URL, _ path: String) -> String? {
    try? String(contentsOf: root.appending(path: path), encoding: .utf8)
  }
}
