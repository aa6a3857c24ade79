import Foundation
package import OTXCore
import OTXImage

extension Dataset {
  /// More pictures than this are not looked through; `otx data validate` looks at all.
  private static let mostPicturesCompared = 50_000
  /// So many cases are told one by one.
  private static let mostCasesTold = 5

  /// Training and validation files that are the same byte by byte and lie under different labels.
  ///
  /// A network of one label a picture learns nothing from them. Only files of one length are read, so
  /// that a folder of photographs costs a look at each file's entry.
  ///
  /// - Returns: What was noticed, at most a few cases and how many more there are; nothing is changed.
  package func contradictions() -> [DatasetProblem] {
    let items = [Subset.train, .val].flatMap { subset in
      (self.items[subset] ?? []).map { (item: $0, subset: subset) }
    }
    guard items.count <= Dataset.mostPicturesCompared else { return [] }
    var byLength: [Int: [Int]] = [:]
    for (index, entry) in items.enumerated() {
      guard case .path(let path) = entry.item.image, let length = fileLength(path.path) else {
        continue
      }
      byLength[length, default: []].append(index)
    }
    func label(_ index: Int) -> String? {
      items[index].item.annotations.first { $0.kind == .label }?.label
    }
    let suspects = byLength.values.filter { group in
      group.count > 1 && Set(group.compactMap(label)).count > 1
    }
    var cases: [(first: Int, second: Int)] = []
    for group in suspects {
      var firsts: [UInt64: Int] = [:]
      for index in group {
        guard let url = items[index].item.image.url, let bytes = try? ReadableFile(url).allBytes()
        else { continue }
        var hash = StableHash()
        hash.add(bytes: bytes)
        guard let first = firsts[hash.value] else {
          firsts[hash.value] = index
          continue
        }
        if label(first) != label(index) { cases.append((first, index)) }
      }
    }
    cases.sort { ($0.first, $0.second) < ($1.first, $1.second) }
    return cases.prefix(Dataset.mostCasesTold).map { pair in
      let (a, b) = (items[pair.first].item, items[pair.second].item)
      let (x, y) = (label(pair.first) ?? "", label(pair.second) ?? "")
      let more = cases.count > 1 ? " (\(cases.count) such pictures in all)" : ""
      return DatasetProblem(
        kind: "one picture under two labels",
        location: b.id,
        message:
          "is the same file as \(a.id), but one is labelled '\(x)' and the other '\(y)'\(more); if it shows both, list it once with both labels and train with --task MULTI_LABEL_CLS, else delete one",
        remedy: .noted
      )
    }
  }
}

/// Bytes of a file; `nil` where it cannot be asked.
private func fileLength(_ path: String) -> Int? {
  var status = stat()
  return stat(path, &status) == 0 ? Int(status.st_size) : nil
}
