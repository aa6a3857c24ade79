import Foundation
import OTXCore

/// Numbers for people, the same in every locale.
package enum NumberText {
  /// `1,234,567`.
  package static func count(_ value: Int) -> String {
    value.grouped
  }

  /// Three decimals for a share of 1.
  package static func score(_ value: Double) -> String { String(format: "%.3f", value) }

  /// About three figures that matter: `12,300`, `12.3`, `0.0123`, `1.2e-05`.
  package static func figure(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let size = abs(value)
    if size >= 1e15 { return String(format: "%.2e", value) }
    if size >= 100 || value == 0 { return count(Int(value.rounded())) }
    if size >= 10 { return trimmed(String(format: "%.1f", value)) }
    if size >= 1 { return trimmed(String(format: "%.2f", value)) }
    if size >= 0.001 { return trimmed(String(format: "%.4f", value)) }
    return String(format: "%.1e", value)
  }

  /// One decimal for small rates: `2.0`, `12.5`, `1,234`.
  package static func rate(_ value: Double) -> String {
    value < 100 ? String(format: "%.1f", value) : figure(value)
  }

  /// A value of an axis whose values are `step` apart.
  static func tick(_ value: Double, step: Double) -> String {
    let value = abs(value) < step / 1e6 ? 0 : value
    if value != 0, abs(value) >= 1e7 || step < 1e-4 {
      return trimmedExponent(String(format: "%.1e", value))
    }
    let decimals = max(0, Int((-log10(step)).rounded(.up)))
    return decimals == 0 ? count(Int(value.rounded())) : String(format: "%.\(decimals)f", value)
  }

  /// `850 ms`, `12.3 s`, `4 min 5 s`, `44 min`, `2 h 10 min`.
  package static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "-" }
    if seconds < 0.9995 { return "\(Int((seconds * 1000).rounded())) ms" }
    if seconds < 59.95 { return String(format: "%.1f s", seconds) }
    let total = Int(seconds.rounded())
    if total < 600 { return "\(total / 60) min \(total % 60) s" }
    if total < 3600 { return "\(Int((seconds / 60).rounded())) min" }
    return "\(count(total / 3600)) h \(total / 60 % 60) min"
  }

  /// `512 MiB`, `3.9 GiB`.
  package static func bytes(_ count: Int) -> String {
    count < 1 << 30
      ? "\(count >> 20) MiB" : String(format: "%.1f GiB", Double(count) / 0x1p30)
  }

  private static func trimmed(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var text = text[...]
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return String(text)
  }

  /// `1e-05` for `1.0e-05`.
  private static func trimmedExponent(_ text: String) -> String {
    text.replacingOccurrences(of: ".0e", with: "e")
  }
}
