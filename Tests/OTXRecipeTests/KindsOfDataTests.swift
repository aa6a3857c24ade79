import Foundation
import OTXCore
import OTXData
import OTXImage
import OTXRecipe
import OTXTesting
import Testing

/// What is decided for each kind of dataset, drawn in files and read as a user's would be.
@Suite("Kinds of data") struct KindsOfDataTests {
  /// A kind of data, and what must come out.
  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var draw: @Sendable (TemporaryFolder) throws -> Void
    /// Settings and how their values begin.
    var values: [String: String] = [:]
    /// A setting and words that its reason must have: the fact it was decided by.
    var facts: [String: String] = [:]
    /// A setting, and a value that must have been considered.
    var considered: [String: String] = [:]
    /// Words of the error, for data that nothing learns from unasked.
    var error: [String] = []
    var weights: Set<String> = []
    var knownLabels: [String]?
    var task: TaskType?
    var model: String?
    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(
      name: "tiny",
      draw: { try $0.labels(["a": 3, "b": 3]) },
      values: ["task": "MULTI_CLASS_CLS", "method": "supervised", "batchSize": "5"],
      facts: ["batchSize": "only 5 training images", "validationInterval": "1 step an epoch"],
      considered: ["method": "linear_probe"]
    ),
    Row(
      name: "tiny, with published weights",
      draw: { try $0.labels(["a": 8, "b": 8]) },
      values: ["method": "linear_probe", "model": "mobilenet_v3_large"],
      facts: ["method": "few: the last layer is fitted", "model": "the weight store has weights"],
      considered: ["method": "supervised", "model": "efficientnet_b0"],
      weights: ["mobilenet_v3_large"]
    ),
    Row(
      name: "long-tailed",
      draw: { try $0.labels(["common": 60, "rare": 5]) },
      values: ["data.sampler": "balanced", "metric": "balanced_accuracy"],
      facts: ["data.sampler": "'common' has 48 training images and 'rare' 4"],
      considered: ["data.sampler": "shuffle", "metric": "accuracy"]
    ),
    Row(
      name: "pictures alone",
      draw: { folder in for n in 0..<4 { try folder.picture("\(n).png") } },
      error: ["no annotations", "self-supervised", "unlabeled/"]
    ),
    Row(
      name: "labelled and unlabelled",
      draw: { folder in
        try folder.labels(["a": 30, "b": 30], below: "train/")
        for n in 0..<9 { try folder.picture("unlabeled/\(n).png") }
      },
      values: ["task": "MULTI_CLASS_CLS", "method": "supervised"],
      facts: ["method": "the 9 unlabeled images stay unused"],
      considered: ["method": "semi_supervised"]
    ),
    Row(
      name: "long-tailed and partly annotated boxes",
      draw: { folder in
        try folder.boxes(40, size: (64, 64)) { n in
          n < 20 ? [(10, 10, 20, "common")] + (n == 0 ? [(40, 40, 20, "rare")] : []) : []
        }
      },
      values: ["task": "DETECTION", "method": "supervised", "data.sampler": "balanced"],
      facts: [
        "method": "training images have no annotation", "data.sampler": "'rare' 1",
      ],
      considered: ["method": "semi_supervised_imbalanced", "data.sampler": "a loss weighted"]
    ),
    Row(
      name: "large pictures with small objects",
      draw: { folder in
        try folder.boxes(5, size: (1600, 1600)) { _ in
          [(100, 100, 20, "bolt"), (900, 900, 20, "bolt")]
        }
      },
      values: [
        "task": "DETECTION", "data.tiling.enabled": "true", "data.tiling": "tiles of 666x666",
      ],
      facts: ["data.tiling.enabled": "too few to be found", "data.tiling": "of 20 pixels"],
      considered: ["inputSize": "800x992"]
    ),
    Row(
      name: "many classes",
      draw: { folder in
        try folder.labels(Dictionary(uniqueKeysWithValues: (0..<60).map { ("kind \($0)", 3) }))
      },
      values: ["task": "MULTI_CLASS_CLS", "labels": "60", "data.sampler": ""],
      facts: ["labels": "too few to learn", "model": "training images"]
    ),
    Row(
      name: "one class",
      draw: { folder in
        var rows = ["image,label"]
        for n in 0..<6 {
          try folder.picture("pictures/\(n).png")
          rows.append("pictures/\(n).png,a")
        }
        try folder.write(rows.joined(separator: "\n") + "\n", to: "labels.csv")
      },
      error: ["the one label 'a'", "nothing to tell apart"]
    ),
    Row(
      name: "boxes of one class",
      draw: { folder in try folder.boxes(12, size: (96, 128)) { _ in [(8, 8, 40, "cell")] } },
      values: ["task": "DETECTION", "labels": "1", "inputSize": "256x352"],
      facts: ["inputSize": "at least 256 a side", "task": "12 of 12 images"]
    ),
    Row(
      name: "frames of videos",
      draw: { folder in
        for clip in 0..<10 {
          for frame in 0..<4 {
            try folder.picture("\(clip % 2 == 0 ? "walk" : "run")/clip\(clip)_frame_\(frame).png")
          }
        }
      },
      values: ["task": "MULTI_CLASS_CLS", "data.split": "by clip"],
      facts: ["data.split": "10 video clips"],
      considered: ["data.split": "by picture"]
    ),
    Row(
      name: "several labels a picture",
      draw: { folder in
        var rows = ["image,a,b,c"]
        for n in 0..<12 {
          try folder.picture("pictures/\(n).png")
          rows.append("pictures/\(n).png,\(n % 2),\((n + 1) % 3 == 0 ? 0 : 1),1")
        }
        try folder.write(rows.joined(separator: "\n") + "\n", to: "labels.csv")
      },
      values: ["task": "MULTI_LABEL_CLS", "method": "supervised"],
      facts: ["task": "12 of 12 images"]
    ),
    Row(
      name: "outlines of objects",
      draw: { folder in
        try folder.boxes(8, size: (64, 64), outlines: true) { _ in [(10, 10, 30, "leaf")] }
      },
      values: ["task": "DETECTION"],
      facts: ["task": "outlines of objects (8 images)"],
      considered: ["task": "INSTANCE_SEGMENTATION"]
    ),
    Row(
      name: "key points of objects",
      draw: { folder in
        try folder.boxes(6, size: (64, 64), points: true) { _ in [(10, 10, 30, "person")] }
      },
      error: ["KEYPOINT_DETECTION", "no model here yet", "--task DETECTION"]
    ),
    Row(
      name: "key points of objects, detection asked for",
      draw: { folder in
        try folder.boxes(6, size: (64, 64), points: true) { _ in [(10, 10, 30, "person")] }
      },
      values: ["method": "supervised"],
      task: .detection
    ),
    Row(
      name: "anomaly folders",
      draw: { folder in
        for n in 0..<6 { try folder.picture("train/good/\(n).png") }
        for n in 0..<3 {
          try folder.picture("test/good/\(n).png")
          try folder.picture("test/crack/\(n).png")
          try folder.picture("ground_truth/crack/\(n)_mask.png")
        }
      },
      error: ["ANOMALY", "'good' alone", "MULTI_CLASS_CLS"]
    ),
    Row(
      name: "labels and boxes of equal weight",
      draw: { folder in
        try folder.boxes(6, size: (64, 64)) { _ in [(10, 10, 30, "cat")] }
        try folder.datumaro(6)
      },
      error: ["Choose one", "DETECTION", "MULTI_CLASS_CLS"]
    ),
    Row(
      name: "numbers to learn",
      draw: { folder in
        var rows = ["image,weight"]
        for n in 0..<12 {
          try folder.picture("pictures/\(n).png")
          rows.append("pictures/\(n).png,\(Double(n) * 1.5 + 0.25)")
        }
        try folder.write(rows.joined(separator: "\n") + "\n", to: "weights.csv")
      },
      values: ["task": "REGRESSION", "method": "supervised"],
      facts: ["task": "12 of 12 images"]
    ),
    Row(
      name: "labels that the weights do not know",
      draw: { try $0.labels(["a": 30, "b": 30, "c": 30]) },
      values: ["method": "supervised"],
      facts: ["method": "do not know 'c'"],
      considered: ["method": "class_incremental"],
      knownLabels: ["a", "b", "old"]
    ),
    Row(
      name: "several annotation files",
      draw: { folder in
        try folder.boxes(12, size: (96, 128)) { _ in [(8, 8, 40, "cell")] }
        let pictures = (0..<12).map {
          #"{"id":\#($0),"file_name":"\#($0).png","height":96,"width":128}"#
        }
        let texts = (0..<12).map { #"{"id":\#($0),"image_id":\#($0),"caption":"a cell"}"# }
        try folder.write(
          #"{"images":[\#(pictures.joined(separator: ","))],"annotations":[\#(texts.joined(separator: ","))]}"#,
          to: "annotations/captions_train.json"
        )
      },
      values: ["task": "DETECTION", "labels": "1"],
      facts: ["task": "12 of 12 images"]
    ),
    Row(
      name: "a tree of labels",
      draw: { folder in
        let sample = SampleDataset(counts: [.train: 12, .val: 6])
        try DatumaroFormat().write(sample.hierarchical(), to: folder.url)
      },
      values: ["task": "H_LABEL_CLS", "method": "supervised"],
      facts: ["task": "18 of 18 images"]
    ),
    Row(
      name: "a mask for each picture",
      draw: { folder in
        for n in 0..<4 {
          try folder.picture("images/\(n).png")
          try folder.picture("masks/\(n).png", grey: 255)
        }
      },
      error: ["SEMANTIC_SEGMENTATION", "no model here yet", "otx data convert"]
    ),
    Row(
      name: "several labels a picture, the model chosen",
      draw: { folder in
        let sample = SampleDataset(counts: [.train: 12, .val: 6])
        try DatumaroFormat().write(sample.multiLabel(), to: folder.url)
      },
      values: ["task": "MULTI_LABEL_CLS"],
      model: "mobilenet_v3_large"
    ),
    Row(
      name: "nothing",
      draw: { _ in },
      error: ["not a dataset in a known format"]
    ),
  ]

  private func configured(_ row: Row) throws -> (recipe: Recipe, decisions: [Decision]) {
    let folder = try TemporaryFolder()
    try row.draw(folder)
    let dataset = try DatasetReader.read(.root(folder.url, format: nil))
    var request = RecipeRequest(task: row.task, model: row.model)
    request.knownLabels = row.knownLabels
    return try AutoConfigurator(
      models: KindsOfDataTests.models,
      hasWeights: { row.weights.contains($0) }
    )
    .configure(profile: dataset.profile(), request: request)
  }

  static let models: [ModelDescriptor] =
    testModels
    + [TaskType.multiLabelClassification, .hierarchicalClassification, .regression].flatMap {
      task in
      testModels.filter { $0.task == .multiClassClassification }.map { model in
        var model = model
        model.task = task
        return model
      }
    }
    + testModels.filter { $0.task == .multiClassClassification }.map { model in
      var model = model
      model.name = "efficientnet_b0"
      model.backbones = ["efficientnet_b0"]
      return model
    }

  @Test("what an expert would decide, and the fact it hangs on", arguments: rows)
  func decisions(row: Row) throws {
    guard row.error.isEmpty else {
      let error = #expect(throws: (any Error).self) { try configured(row) }
      for words in row.error {
        #expect("\(error.map { "\($0)" } ?? "")".contains(words), "\(error.map { "\($0)" } ?? "")")
      }
      return
    }
    let (_, decisions) = try configured(row)
    func found(_ setting: String) -> Decision? { decisions.last { $0.setting == setting } }
    for (setting, value) in row.values {
      #expect(found(setting)?.value.hasPrefix(value) ?? value.isEmpty, "\(setting): \(decisions)")
    }
    for (setting, words) in row.facts {
      #expect(found(setting)?.reason.contains(words) ?? false, "\(setting): \(decisions)")
    }
    for (setting, value) in row.considered {
      let others = found(setting)?.alternatives ?? []
      #expect(
        others.contains { $0.value.hasPrefix(value) && !$0.reason.isEmpty },
        "\(setting): \(others)"
      )
    }
    #expect(decisions.allSatisfy { !$0.reason.isEmpty })
    #expect(try configured(row).decisions == decisions, "the same data, the same decisions")
  }
}

extension TemporaryFolder {
  fileprivate func picture(_ path: String, size: (Int, Int) = (24, 32), grey: UInt8 = 90) throws {
    let size = ImageSize(height: size.0, width: size.1)
    let image = Image(size: size, red: grey, green: grey, blue: grey)
    try write(Data(ImageFile.png(image)), to: path)
  }

  /// A folder of pictures for each label.
  fileprivate func labels(_ counts: [String: Int], below prefix: String = "") throws {
    for (label, count) in counts {
      for n in 0..<count { try picture("\(prefix)\(label)/\(n).png") }
    }
  }

  /// A COCO dataset of `count` pictures with square objects `x, y, side, label`.
  fileprivate func boxes(
    _ count: Int,
    size: (Int, Int),
    outlines: Bool = false,
    points: Bool = false,
    _ objects: (Int) -> [(Int, Int, Int, String)]
  ) throws {
    var images: [String] = []
    var annotations: [String] = []
    var labels: [String] = []
    for n in 0..<count {
      try picture("images/train/\(n).png", size: size)
      images.append(
        #"{"id":\#(n),"file_name":"\#(n).png","height":\#(size.0),"width":\#(size.1)}"#
      )
      for (x, y, side, label) in objects(n) {
        if !labels.contains(label) { labels.append(label) }
        let category = (labels.firstIndex(of: label) ?? 0) + 1
        let corners = "\(x),\(y),\(x + side),\(y),\(x + side),\(y + side)"
        let outline = outlines ? #","segmentation":[[\#(corners)]]"# : ""
        let keypoints = points ? #","num_keypoints":1,"keypoints":[\#(x + 1),\#(y + 1),2]"# : ""
        annotations.append(
          #"{"id":\#(annotations.count),"image_id":\#(n),"category_id":\#(category),"bbox":[\#(x),\#(y),\#(side),\#(side)],"area":\#(side * side),"iscrowd":0\#(outline)\#(keypoints)}"#
        )
      }
    }
    let skeleton = points ? #","keypoints":["nose"],"skeleton":[]"# : ""
    let categories = labels.enumerated().map {
      #"{"id":\#($0.offset + 1),"name":"\#($0.element)"\#(skeleton)}"#
    }
    try write(
      #"{"images":[\#(images.joined(separator: ","))],"annotations":[\#(annotations.joined(separator: ","))],"categories":[\#(categories.joined(separator: ","))]}"#,
      to: "annotations/\(points ? "person_keypoints" : "instances")_train.json"
    )
  }

  /// A Datumaro dataset of pictures with a label and a box each, in place of what is here.
  fileprivate func datumaro(_ count: Int) throws {
    try FileManager.default.removeItem(at: url.appending(path: "annotations"))
    try FileManager.default.removeItem(at: url.appending(path: "images"))
    var items: [String] = []
    for n in 0..<count {
      try picture("images/train/\(n).png", size: (64, 64))
      items.append(
        #"{"id":"\#(n)","annotations":[{"id":0,"type":"label","group":0,"label_id":\#(n % 2)},{"id":1,"type":"bbox","group":0,"label_id":\#(n % 2),"bbox":[4,4,30,30]}],"attr":{},"image":{"path":"\#(n).png","size":[64,64]}}"#
      )
    }
    try write(
      #"{"info":{},"categories":{"label":{"labels":[{"name":"cat","parent":"","attributes":[]},{"name":"dog","parent":"","attributes":[]}],"attributes":[]}},"items":[\#(items.joined(separator: ","))]}"#,
      to: "annotations/train.json"
    )
  }
}
