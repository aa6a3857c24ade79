import Foundation
import OTXCore
import OTXImage

/// Reads the label files of a dataset.
struct YOLOReader {
  let description: YOLODescription

  init(_ description: YOLODescription) { self.description = description }

  /// What one picture's label file says.
  private struct Entry {
    var item: DatasetItem
    var rows: [YOLORow] = []
    var labelFile: String?
    var problems: [DatasetProblem] = []
  }

  func read() throws -> FormatReading {
    var reading = FormatReading()
    reading.problems = description.problems
    var entries: [(subset: Subset, entries: [Entry])] = []
    for source in description.sources {
      entries.append((source.subset, read(source, &reading.problems)))
    }
    let names = names(for: entries.flatMap { $0.entries.flatMap(\.rows) }, &reading.problems)
    reading.labels = names
    if let layout = description.keypoints?.layouts(names) {
      reading.labelDetails.keypoints = layout
    }
    let areTurned = description.hasTurnedBoxes || areAllRectangles(entries.flatMap(\.entries))
    for (subset, entries) in entries {
      for entry in entries {
        reading.problems += entry.problems
        var item = entry.item
        item.annotations = entry.rows.map { row in
          row.annotation(label: names[row.label], outlinesAreTurnedBoxes: areTurned)
        }
        reading.items[subset, default: []].append(item)
      }
    }
    noteUnusedLabelFiles(Set(entries.flatMap { $0.entries.compactMap(\.labelFile) }), &reading)
    return reading
  }

  /// Whether every outline is a rectangle of four corners: such are turned boxes, of which nothing
  /// is lost.
  private func areAllRectangles(_ entries: [Entry]) -> Bool {
    var outlineCount = 0
    for row in entries.lazy.flatMap(\.rows) where !row.outline.isEmpty {
      guard row.isRectangle else { return false }
      outlineCount += 1
    }
    return outlineCount > 0
  }

  private func read(_ source: YOLOSource, _ problems: inout [DatasetProblem]) -> [Entry] {
    var folders: [String: [URL]] = [:]
    for picture in source.pictures {
      let folder = picture.deletingLastPathComponent()
      if folders[folder.path] == nil { folders[folder.path] = YOLOLayout.labelFolders(of: folder) }
    }
    let places = folders
    let results = ParallelResults<Entry>(count: source.pictures.count)
    let reader = self
    WorkerThreads.forEach(source.pictures.count) { index in
      let picture = source.pictures[index]
      let folders = places[picture.deletingLastPathComponent().path] ?? []
      results.set(index, reader.entry(picture, folders))
    }
    let entries = results.all.compactMap { $0 }
    let unlabeled = entries.filter { $0.labelFile == nil }
    if let first = unlabeled.first {
      let all = unlabeled.count == entries.count ? "no picture" : nil
      problems.append(
        DatasetProblem(
          kind: "picture without a label file",
          location: first.item.id,
          message:
            "\(all ?? "picture".counted(unlabeled.count)) of \(source.subset.rawValue) \(all == nil ? "without" : "has") a label file: taken as pictures without objects, the first: \(first.item.id)",
          remedy: .noted
        )
      )
    }
    return entries
  }

  private func entry(_ picture: URL, _ folders: [URL]) -> Entry {
    let id = picture.path(below: description.base)
    var entry = Entry(item: DatasetItem(id: id, image: .file(picture), annotations: []))
    let stem = picture.deletingPathExtension().lastPathComponent
    let candidates = folders.map { $0.appending(path: stem + ".txt") }
    guard
      let file = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) })
    else { return entry }
    let name = file.path(below: description.base)
    entry.labelFile = file.standardizedFileURL.path
    entry.item.origin = name
    do {
      let bytes = try ReadableFile(file).allBytes()
      guard !bytes.isEmpty else { return entry }
      // Without a picture the numbers mean nothing; the checker tells of it.
      guard let size = try? ImageHeader(of: picture).size else { return entry }
      var parser = YOLORowParser(
        description,
        size: size,
        file: name,
        // DOTA's text under a data.yaml, as Roboflow writes it.
        isInPixels: file.deletingLastPathComponent().lastPathComponent.lowercased() == "labeltxt"
      )
      entry.rows = parser.rows(of: String(decoding: bytes, as: UTF8.self))
      entry.problems = parser.problems
    } catch DataError.unreadable(_, let reason) {
      entry.problems.append(
        DatasetProblem(
          kind: "damaged annotation file",
          location: name,
          message: reason,
          remedy: .leftOut
        )
      )
    } catch {
      entry.problems.append(
        DatasetProblem(
          kind: "damaged annotation file",
          location: name,
          message: "\(error)",
          remedy: .leftOut
        )
      )
    }
    return entry
  }

  /// The dataset's class names; made of numbers where no file has them.
  private func names(for rows: [YOLORow], _ problems: inout [DatasetProblem]) -> [String] {
    if let names = description.names { return names }
    let count = (rows.map(\.label).max() ?? -1) + 1
    problems.append(
      DatasetProblem(
        kind: "classes without names",
        location: description.base.lastPathComponent,
        message: "no file names the classes; write classes.txt with a name a line",
        remedy: .noted
      )
    )
    return (0..<count).map { "class_\($0)" }
  }

  /// Label files that no picture has are annotations that are lost.
  private func noteUnusedLabelFiles(_ used: Set<String>, _ reading: inout FormatReading) {
    let folders = Set(used.map { URL(filePath: $0).deletingLastPathComponent().path })
    for folder in folders.sorted() {
      guard let listing = try? FolderListing(URL(filePath: folder)) else { continue }
      for file in listing.files(endingIn: "txt") {
        let stem = file.deletingPathExtension().lastPathComponent.lowercased()
        guard !used.contains(file.standardizedFileURL.path), !YOLOLayout.otherTexts.contains(stem),
          (try? YOLOLayout.beginsLikeLabels(file)) == true
        else { continue }
        reading.problems.append(
          DatasetProblem(
            kind: "label file without a picture",
            location: file.path(below: description.base),
            message: "there is no picture of this name in the dataset",
            remedy: .leftOut
          )
        )
      }
    }
    reading.noteUnusedPictures(base: description.base)
  }
}
