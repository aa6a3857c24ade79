import Foundation
import OTXTesting
import Testing

@testable import OTXCore

/// The hierarchy that `Tools/goldens/hierarchy.py` resolves labels of.
private func things() throws -> LabelHierarchy {
  let groups = [["Rigid", "Soft"], ["Box", "Ball"], ["Sponge", "Cloth"]]
  return try LabelHierarchy(
    labels: groups.flatMap(\.self) + ["Red", "Dark", "Wet"],
    groups: groups.map { LabelGroup(name: $0[0], labels: $0) },
    parents: [
      "Box": "Rigid", "Ball": "Rigid", "Sponge": "Soft", "Cloth": "Soft", "Wet": "Sponge",
      "Dark": "Red",
    ]
  )
}

@Suite struct LabelHierarchyTests {
  @Test func exclusiveGroupsComeFirst() throws {
    let hierarchy = try LabelHierarchy(
      labels: ["tall", "a", "b", "c"],
      groups: [LabelGroup(name: "g", labels: ["a", "b"])],
      parents: ["c": "a"]
    )
    #expect(hierarchy.labels == ["a", "b", "tall", "c"])
    #expect(hierarchy.groups.map(\.labels) == [["a", "b"], ["tall"], ["c"]])
    #expect(hierarchy.ranges == [0..<2, 2..<3, 3..<4])
    #expect(hierarchy.exclusiveGroupCount == 1)
    #expect(hierarchy.ancestors(of: "c") == ["a"] && hierarchy.ancestors(of: "tall").isEmpty)
  }

  @Test(
    arguments: [
      ([LabelGroup(name: "g", labels: [])], [:], ["'g'", "no labels"]),
      ([LabelGroup(name: "g", labels: ["a", "x"])], [:], ["'g'", "'x'", "does not list"]),
      (
        [LabelGroup(name: "g", labels: ["a", "b"]), LabelGroup(name: "h", labels: ["b", "c"])],
        [:], ["'b'", "two groups", "'g'", "'h'"]
      ),
      ([LabelGroup(name: "g", labels: ["a", "a"])], [:], ["'a'", "twice"]),
      ([], ["a": "x"], ["'x'", "above 'a'"]),
      ([], ["a": "b", "b": "c", "c": "a"], ["circle", "'a' under 'b' under 'c' under 'a'"]),
      (
        [LabelGroup(name: "g", labels: ["a", "b"])], ["a": "c"],
        ["'a' under 'c'", "'b' under none", "different parents"]
      ),
    ] as [([LabelGroup], [String: String], [String])]
  )
  func whatIsNoHierarchyIsRefused(
    _ groups: [LabelGroup],
    _ parents: [String: String],
    _ words: [String]
  ) throws {
    let error = try #require(throws: DataError.self) {
      try LabelHierarchy(labels: ["a", "b", "c"], groups: groups, parents: parents)
    }
    for word in words { #expect(error.description.contains(word), "\(error)") }
  }

  private func dataset(
    _ labels: [String],
    declared: [String]? = nil,
    parents: [String: String],
    groups: [LabelGroup] = []
  ) -> Dataset {
    var details = LabelDetails()
    (details.parents, details.exclusiveGroups) = (parents, groups)
    return Dataset(
      format: "test",
      root: URL(filePath: "/"),
      labels: LabelInfo(names: labels),
      declaredLabels: declared,
      labelDetails: details,
      items: [:]
    )
  }

  @Test func siblingsShutEachOtherOutWhereNothingElseIsSaid() throws {
    let hierarchy = try LabelHierarchy(
      of: dataset(
        ["animal/cat", "animal/dog", "car"],
        declared: ["animal", "animal/cat", "animal/dog", "car", "plane"],
        parents: ["animal/cat": "animal", "animal/dog": "animal"]
      )
    )
    #expect(hierarchy.groups.map(\.labels) == [["animal", "car"], ["animal/cat", "animal/dog"]])
    #expect(hierarchy.parents.count == 2)
  }

  @Test func parentsThatAreNoLabelsBecomeLabelsUnlessOthersAre() throws {
    // CIFAR-100's coarse labels, COCO's super-categories.
    let coarse = try LabelHierarchy(
      of: dataset(["cat", "person"], parents: ["cat": "pet", "person": "person"])
    )
    #expect(coarse.groups.map(\.labels) == [["person", "pet"], ["cat"]])
    let error = try #require(throws: DataError.self) {
      try LabelHierarchy(of: dataset(["a", "b"], parents: ["a": "b", "b": "c"]))
    }
    #expect(error.description.contains("'c'"))
    #expect(throws: DataError.self) {
      try LabelHierarchy(of: dataset(["a", "b"], parents: ["a": "b", "b": "a"]))
    }
    #expect(throws: DataError.self) {
      try LabelHierarchy(
        of: dataset(["a"], parents: [:], groups: [LabelGroup(name: "nothing", labels: [])])
      )
    }
  }

  @Test func travelsInModelInformationAndLabelSchema() throws {
    let labels = LabelInfo(hierarchy: try things())
    let coded = try JSONDecoder().decode(LabelInfo.self, from: JSONEncoder().encode(labels))
    #expect(coded == labels && coded.hierarchy == labels.hierarchy)
    #expect(LabelInfo(names: labels.names) != labels)
    let folder = try TemporaryDirectory()
    let url = folder.file("label_schema.json")
    try LabelSchema(labels: labels, task: .hierarchicalClassification).write(to: url)
    let read = try LabelSchema(reading: url)
    #expect(read.labels.hierarchy?.parents == labels.hierarchy?.parents)
    #expect(read.groups == labels.hierarchy?.groups)
    let damaged =
      #"{"names":["a"],"hierarchy":{"groups":[{"name":"g","labels":["a"]}],"parents":{"a":"a"}}}"#
    #expect(throws: (any Error).self) {
      try JSONDecoder().decode(LabelInfo.self, from: Data(damaged.utf8))
    }
  }
}

@Suite struct HierarchicalTests {
  typealias Kind = HierarchicalClassification
  private let image = Image(size: ImageSize(height: 4, width: 4))
  private let frame = ImageFrame(itemID: "a", originalSize: ImageSize(height: 4, width: 4))

  @Test(arguments: LabelResolver.allCases)
  func resolversAreModelAPIs(_ resolver: LabelResolver) throws {
    let golden = try Golden("hierarchy", in: .module)
    let hierarchy = try things()
    let count = hierarchy.labels.count
    let units = Formula.noise(count: 40 * count, k: 8000).map { ($0 + 1) / 2 }
    var rows: [Double] = []
    for item in 0..<40 {
      let found = (0..<count).compactMap { label -> ScoredLabel? in
        let unit = units[item * count + label]
        return unit < 0.2 ? nil : ScoredLabel(label: label, score: unit < 0.3 ? 0 : Float(unit))
      }
      let resolved = resolver.resolve(found, in: hierarchy)
      #expect(
        resolved.map { hierarchy.labels[$0.label] }
          == resolved.map { hierarchy.labels[$0.label] }.sorted()
      )
      var row = [Double](repeating: 0, count: count)
      for label in resolved { row[label.label] = Double(label.score) }
      rows += row
    }
    try golden.expect(resolver.rawValue, rows, rtol: 1e-7)
  }

  private func targets(_ names: [String], unknown: [String] = []) throws -> LabelTargets {
    let open = unknown.map { name in
      var annotation = Annotation.label(name)
      annotation.attributes["unknown"] = .flag(true)
      return annotation
    }
    let item = DatasetItem(
      id: "a.jpg",
      image: .memory(image),
      annotations: names.map { .label($0) } + open
    )
    return try Kind.entity(from: item, image: image, labels: LabelInfo(hierarchy: things())).targets
  }

  @Test func labelsComeWithThoseAboveThem() throws {
    // Rigid, Soft, Box, Ball, Sponge, Cloth, Red, Dark, Wet
    let box = try targets(["Box"])
    #expect(box.values == [1, 0, 1, 0, 0, 0, 0, 0, 0])
    // What is below Soft, Sponge and Red is not asked for.
    #expect(box.weights == [1, 1, 1, 1, 0, 0, 1, 0, 0])
    // Soft without a kind: the group below is open.
    #expect(try targets(["Soft", "Red"]).weights == [1, 1, 0, 0, 0, 0, 1, 1, 0])
    #expect(try targets([], unknown: ["Red"]).weights == [0, 0, 0, 0, 0, 0, 0, 0, 0])
    let error = try #require(throws: DataError.self) { try targets(["Box", "Ball"]) }
    #expect(error.description.contains("a.jpg: has 'Box' and 'Ball'"))
    #expect(throws: DataError.self) { try targets(["Box", "Cloth"]) }
    #expect(throws: DataError.self) { try targets(["Stone"]) }
  }

  @Test func mixedPicturesShareWhatIsKnownOfThem() throws {
    var one = Kind.Entity(image: image, frame: frame, targets: try targets(["Box"]))
    one.join(Kind.Entity(image: image, frame: frame, targets: try targets(["Cloth"])), share: 0.25)
    #expect(one.targets.values.prefix(6) == [0.75, 0.25, 1, 0, 0, 1])
    #expect(one.targets.weights.prefix(6) == [1, 1, 0.75, 0.75, 0.25, 0.25])
  }

  private func predictions(_ logits: [Float], threshold: Float? = nil) throws -> Kind.Prediction {
    let info = ModelInfo(
      model: "m",
      backbone: "b",
      task: .hierarchicalClassification,
      labels: LabelInfo(hierarchy: try things()),
      preprocessing: Preprocessing(inputSize: ImageSize(height: 4, width: 4)),
      confidenceThreshold: threshold
    )
    let outputs = ["logits": ModelOutput(shape: [1, 9], values: logits)]
    return try Kind.predictions(from: outputs, frames: [frame], info: info)[0]
  }

  @Test func headsSpeakForTheirGroups() throws {
    let labels = LabelInfo(hierarchy: try things())
    let prediction = try predictions([0, 2, 5, 0, 1, 0, -3, 4, 0.1])
    #expect(prediction.probabilities.count == 9)
    #expect(abs(prediction.probabilities.prefix(2).reduce(0, +) - 1) < 1e-6)
    // Box is the surest of its group, but Rigid is not; Dark is sure, but Red is not.
    let findings = Kind.findings(prediction, labels: labels)
    #expect(findings.map(\.label) == ["Soft", "Sponge", "Wet"])
    #expect(Kind.summary(of: findings).hasPrefix("Soft 88%, Sponge 73%"))
    #expect(
      try predictions([0, 2, 5, 0, 1, 0, -3, 4, 0.1], threshold: 0.6).labels.map {
        labels.name($0.label)
      } == ["Soft", "Sponge"]
    )
  }

  @Test func accuraciesAreScikitLearns() throws {
    let sizes = [2, 4, 3, 1, 1]
    let (count, k) = (80, 7200)
    let names = sizes.enumerated().map { group, size in (0..<size).map { "\(group).\($0)" } }
    let hierarchy = try LabelHierarchy(
      labels: names.flatMap(\.self),
      groups: names.map { LabelGroup(name: $0[0], labels: $0) },
      parents: [:]
    )
    let width = sizes.reduce(0, +)
    let scores = Formula.noise(count: count * width, k: k).map { Float(($0 + 1) / 2) }
    let truths = sizes.enumerated().map { index, size in
      Formula.integers([count], below: max(size, 2), k: k + 1 + index)
    }
    let kept = sizes.indices.map { index in
      Formula.noise(count: count, k: k + 50 + index).map { ($0 + 1) / 2 < 0.7 }
    }
    var score = HierarchicalScore(labels: LabelInfo(hierarchy: hierarchy))
    score.keepDetails()
    for item in 0..<count {
      var targets = LabelTargets(showing: [], of: width)
      for (index, range) in hierarchy.ranges.enumerated() {
        for label in range { targets.weights[label] = kept[index][item] ? 1 : 0 }
        if range.count > 1 {
          targets.values[range.lowerBound + truths[index][item]] = 1
        } else {
          targets.values[range.lowerBound] = Float(truths[index][item])
        }
      }
      let row = Array(scores[item * width..<(item + 1) * width])
      score.update(
        [Kind.Prediction(probabilities: row, labels: [])],
        [Kind.Entity(image: .empty, frame: frame, targets: targets)]
      )
    }
    let report = score.compute(confidenceThreshold: nil)
    try Golden("metrics", in: .module).expect(
      "heads/values",
      ["accuracy", "exclusive_accuracy", "multilabel_accuracy"].map { report.values[$0] ?? -1 },
      rtol: 2e-9
    )
    let details = score.details(of: report)
    #expect(details.sections.count == 5 && details.sections[1].title.hasPrefix("Group 0.0"))
    #expect(details.sections[4].title == "Labels that stand alone")
  }

  @Test func aRightPictureIsRightInEveryScore() throws {
    var score = HierarchicalScore(labels: LabelInfo(hierarchy: try things()))
    let entity = Kind.Entity(image: .empty, frame: frame, targets: try targets(["Sponge", "Red"]))
    score.update([try predictions([0, 5, 3, 0, 5, 0, 5, -5, -5])], [entity])
    let report = score.compute(confidenceThreshold: 0.5)
    for name in ["accuracy", "subset_accuracy", "f1", "exclusive_accuracy"] {
      #expect(report.values[name] == 1, "\(name)")
    }
    #expect(report.perClass.first { $0.label == "Sponge" }?.values["f1"] == 1)
    #expect(report.perClass.first { $0.label == "Box" }?.values.isEmpty == true)
  }
}
