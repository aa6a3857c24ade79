import Foundation

/// Finds what a user meant.
public enum Suggestion {
  /// The candidate nearest to `word`, if one is near enough to be a slip of the finger.
  ///
  /// Distance is Damerau-Levenshtein on lower-case letters with `-` and `_` alike (optimal string
  /// alignment); up to a third of the word's length may differ.
  public static func nearest(to word: String, among candidates: [String]) -> String? {
    let target = folded(word)
    let limit = max(1, target.count / 3)
    return
      candidates
      .map { (candidate: $0, distance: distance(target, folded($0))) }
      .filter {
        $0.distance <= limit || (target.count > 2 && folded($0.candidate).starts(with: target))
      }
      .min { $0.distance < $1.distance }?
      .candidate
  }

  /// `, did you mean 'x'?`, or nothing.
  public static func phrase(for word: String, among candidates: [String]) -> String {
    nearest(to: word, among: candidates).map { ", did you mean '\($0)'?" } ?? ""
  }

  /// `, did you mean 'pictures/train'?` for `pictures/trian`, or nothing.
  ///
  /// The first part of the path that is not there is compared with what lies beside it.
  package static func phrase(forPath path: String) -> String {
    neighbour(of: path).map { ", did you mean '\($0)'?" } ?? ""
  }

  /// The path as it would be right, its first wrong part corrected; `nil` where nothing is near.
  private static func neighbour(of path: String) -> String? {
    let files = FileManager.default
    var parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    var folder = path.hasPrefix("/") ? "/" : ""
    while !parts.isEmpty {
      let next = folder + parts[0]
      guard files.fileExists(atPath: next) else { break }
      folder = next + "/"
      parts.removeFirst()
    }
    guard let wrong = parts.first,
      let found = try? files.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder),
      let meant = nearest(to: wrong, among: found.sorted())
    else { return nil }
    let corrected = folder + ([meant] + parts.dropFirst()).joined(separator: "/")
    // Half a path that is right helps; a whole one that is wrong does not.
    return files.fileExists(atPath: corrected) ? corrected : folder + meant
  }

  private static func folded(_ text: String) -> [UInt8] {
    text.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
  }

  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 1...a.count {
      var row = [i] + [Int](repeating: 0, count: b.count)
      for j in 1...b.count {
        let cost = a[i - 1] == b[j - 1] ? 0 : 1
        row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          row[j] = min(row[j], beforeLast[j - 2] + 1)
        }
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }
}
