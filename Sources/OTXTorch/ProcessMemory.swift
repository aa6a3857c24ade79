import Foundation

/// What the kernel says of this process's memory.
enum ProcessMemory {
  /// Resident bytes now; 0 where the kernel does not say.
  static func residentBytes() -> Int { status("VmRSS:") }

  /// The most bytes that were ever resident; 0 where the kernel does not say.
  static func peakBytes() -> Int { status("VmHWM:") }

  private static func status(_ key: String) -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix(key) }),
      let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first
    else { return 0 }
    return (Int(kilobytes) ?? 0) * 1024
  }
}
