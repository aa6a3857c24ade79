public import Foundation
public import OTXCore

extension ModelInfo {
  /// Reads what an OpenVINO model says about itself, without loading OpenVINO.
  ///
  /// Models of other programs are understood where their `rt_info/model_info` says enough, as
  /// those of Python OTX do.
  ///
  /// - Parameter url: The `.xml`.
  /// - Throws: ``ModelError/unreadableCheckpoint(file:reason:)`` when the file is no IR, is damaged,
  ///   was written by a newer version of this program, or does not say what a model must say.
  public init(readingIR url: URL) throws {
    let document = try IRDocument(reading: url)
    let prefix = RuntimeInfo.element + "/"
    if let json = document.runtimeInfo[prefix + RuntimeInfo.ownKey] {
      try self.init(json: Data(json.utf8), source: url.path)
    } else {
      try self.init(foreign: document, url: url)
    }
  }

  /// Understands the entries that Python OTX 2 writes.
  private init(foreign document: IRDocument, url: URL) throws {
    func fail(_ reason: String) -> ModelError {
      .unreadableCheckpoint(file: url.path, reason: reason)
    }
    func entry(_ key: String) -> String? {
      document.runtimeInfo["\(RuntimeInfo.element)/\(key)"].flatMap { $0.isEmpty ? nil : $0 }
    }
    func numbers(_ key: String) throws -> [Float]? {
      guard let text = entry(key) else { return nil }
      let numbers = text.split { $0 == " " || $0 == "," }.map { Float($0) }
      guard numbers.count == 3, !numbers.contains(nil) else {
        throw fail("its \(key) '\(text)' are not three numbers")
      }
      return numbers.compactMap { $0 }
    }
    guard let task = TaskType.allCases.first(where: { $0.kind.describes(entry) }) else {
      let found = entry("task_type") ?? entry("model_type")
      throw fail(
        found.map { "its task '\($0)' is none that this program runs" }
          ?? "it does not say what it is for: its rt_info has no model_info/task_type (otx optimize --task adds it)"
      )
    }
    guard let labels = Self.labels(entry) else {
      throw fail(
        "it does not say its labels: its rt_info has no model_info/labels (otx optimize --labels adds them)"
      )
    }
    let shape = document.inputShape
    guard shape.count == 4, shape[1] == 3, let height = shape[2], let width = shape[3] else {
      throw fail(
        "its input \(shape.map { $0.map(String.init) ?? "?" }) is not [N, 3, height, width] of a fixed size"
      )
    }
    guard let resize = ResizeMode(rawValue: entry("resize_type") ?? "standard") else {
      throw fail("its resize_type '\(entry("resize_type") ?? "")' is none that this program knows")
    }
    self.init(
      model: entry("model_name") ?? url.deletingPathExtension().lastPathComponent,
      backbone: "unknown",
      task: task,
      labels: labels,
      preprocessing: Preprocessing(
        inputSize: ImageSize(height: height, width: width),
        resize: resize,
        padValue: entry("pad_value").flatMap { UInt8($0) } ?? 0,
        mean: try numbers("mean_values") ?? [0, 0, 0],
        std: try numbers("scale_values") ?? [1, 1, 1]
      ),
      confidenceThreshold: entry("confidence_threshold").flatMap { Float($0) },
      iouThreshold: entry("iou_threshold").flatMap { Float($0) } ?? 0.5,
      tiling: Self.tiling(entry, task: task)
    )
  }

  /// Tiling as Python OTX 2.6 writes it down, for Model API's tiler.
  private static func tiling(_ entry: (String) -> String?, task: TaskType) -> Tiling? {
    guard task.kind.hasTiling, let side = entry("tile_size").flatMap({ Int($0) }), side > 0 else {
      return nil
    }
    return Tiling(
      tileSize: ImageSize(height: side, width: side),
      overlap: min(max(entry("tiles_overlap").flatMap { Double($0) } ?? 0.2, 0), 0.9),
      maximumInstanceCount: max(entry("max_pred_number").flatMap { Int($0) } ?? 1500, 1),
      withFullImage: entry("tile_with_full_img") == "True"
    )
  }

  private static func labels(_ entry: (String) -> String?) -> LabelInfo? {
    if let json = entry("label_info"),
      let labels = try? JSONDecoder().decode(ExportedLabels.self, from: Data(json.utf8))
    {
      if let heads = labels.heads, let hierarchy = heads.hierarchy {
        return LabelInfo(hierarchy: hierarchy)
      }
      return LabelInfo(names: labels.names)
    }
    guard let names = entry("labels")?.split(whereSeparator: \.isWhitespace), !names.isEmpty else {
      return nil
    }
    return LabelInfo(names: names.map(String.init))
  }
}

extension VisionTask {
  /// Whether the entries of an exported model are this task's: its name if there is one, else its
  /// wrapper, and the same flags.
  fileprivate static func describes(_ entry: (String) -> String?) -> Bool {
    if let name = entry("task_type") {
      guard name == exportedTaskName else { return false }
    } else {
      guard let type = entry("model_type"), let own = exportedEntries["model_type"],
        type.lowercased() == own.lowercased()
      else { return false }
    }
    return ["multilabel", "hierarchical"].allSatisfy {
      (entry($0) ?? "False") == (exportedEntries[$0] ?? "False")
    }
  }
}
