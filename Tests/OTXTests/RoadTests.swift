import Foundation
import OTX
import OTXCore
import OTXData
import OTXRecipe
import OTXTesting
import Testing

extension Facade {
  /// From a folder of pictures to an exported model that says the same of them.
  @Suite("The road") struct Road {
    @Test("classification")
    func classification() async throws {
      let playground = try Playground.classification([.train: 48, .val: 12, .test: 6])
      try await walk(playground, tinyRequest("resnet18", epochs: 3), score: "accuracy")
    }

    @Test("object detection, from the main actor")
    @MainActor func detection() async throws {
      let playground = try Playground.detection([.train: 32, .val: 6, .test: 3])
      let request = try tinyRequest("ssd_mobilenetv2", size: 128, epochs: 4)
      try await walk(playground, request, score: "f-measure")
    }

    /// From a drawn dataset, whose task nobody names, to an exported model that says the same.
    @Test(
      "several labels, a tree of labels, numbers",
      arguments: [
        (.multiLabelClassification, "accuracy", "By label"),
        (.hierarchicalClassification, "accuracy", "Labels that stand alone"),
        (.regression, "r2", "Prediction over truth"),
      ] as [(TaskType, String, String)]
    )
    func labelsAndNumbers(_ task: TaskType, _ score: String, _ section: String) async throws {
      let place = Playground(folder: try TemporaryFolder())
      let sample = SampleDataset(
        counts: [.train: 24, .val: 8, .test: 4],
        size: ImageSize(height: 64, width: 64)
      )
      let drawn =
        switch task {
        case .multiLabelClassification: try sample.multiLabel()
        case .hierarchicalClassification: try sample.hierarchical()
        default: try sample.regression()
        }
      try DatumaroFormat().write(drawn, to: place.data)
      var request = try tinyRequest(nil, epochs: 2)
      request.overrides.append(
        try RecipeOverride(assignment: "model=resnet18", source: "test")
      )
      let engine = try Engine(dataRoot: place.data, recipe: request, workspace: place.workspace)
      #expect(engine.task == task)
      let run = try await engine.train(environment: place.environment)
      let page = try String(
        contentsOf: run.directory.appending(path: "report.html"),
        encoding: .utf8
      )
      #expect(page.contains("<h3>\(section)</h3>"))

      let trained = try Engine(model: run.result.checkpoint, data: place.location)
      let scores = try await trained.evaluate(on: .val)
      #expect(scores.report == run.result.best && scores.performanceMetric == score)
      #expect(scores.report.itemCount == 8 && scores.report.values[score] != nil)
      let openvino = place.folder.url.appending(path: "openvino")
      let exported = try await trained.export(to: openvino)
      #expect(exported.parity.maxRelativeDifference <= 1e-4)
      let deployed = try Engine(model: exported.model.xml, data: place.location)
      #expect(await deployed.info == trained.info)
      let other = try await deployed.evaluate(on: .val)
      expectClose(other.performance, scores.performance, rtol: 1e-3, atol: 1e-3)

      let pictures = try pictures(in: place.data).suffix(2)
      var summaries: [[String]] = []
      for model in [trained, deployed] {
        var lines: [String] = []
        try await model.predict(Array(pictures)) { lines.append($0.summary) }
        summaries.append(lines)
      }
      #expect(summaries[0].count == 2 && summaries[0].allSatisfy { !$0.isEmpty })
    }

    private func walk(_ place: Playground, _ request: RecipeRequest, score: String) async throws {
      let models = place.folder.url.appending(path: "models")
      let engine = try Engine(dataRoot: place.data, recipe: request, workspace: place.workspace)
      let run = try await engine.train(modelDirectory: models, environment: place.environment)
      try await checkFiles(run, models: models, place, score: score)

      // The checkpoint, opened anew, scores what its training said.
      let trained = try Engine(model: run.result.checkpoint, data: place.location)
      let scores = try await trained.evaluate(on: .val)
      #expect(scores.report.values == run.result.best.values)
      #expect(scores.report.perClass == run.result.best.perClass)
      #expect(scores.performanceMetric == score && scores.itemCount == scores.report.itemCount)
      #expect(scores.performance > 0, "the comparison below says nothing of a model that is blind")

      // An open threshold was chosen on the validation subset, and no other score moves it.
      let info = run.result.info
      #expect(info.confidenceThreshold == run.result.best.confidenceThreshold)
      #expect(scores.report.confidenceThreshold == info.confidenceThreshold)
      #expect((info.confidenceThreshold != nil) == (info.task == .detection))
      let test = try await trained.evaluate(on: .test)
      #expect(test.report.confidenceThreshold == info.confidenceThreshold)

      // The engine that trained it has the same weights.
      #expect(try await engine.evaluate(on: .val).report == scores.report)

      let openvino = place.folder.url.appending(path: "openvino")
      let exported = try await trained.export(to: openvino)
      #expect(exported.parity.maxRelativeDifference <= 1e-4)
      #expect(exported.parity.metricDifference == 0)
      #expect(exported.parity.sampleCount == scores.itemCount)
      let files = try names(in: openvino)
      #expect(
        Set(files).isSuperset(of: [
          "config.json", "label_schema.json", "openvino.bin", "openvino.xml", "parity.json",
        ])
      )
      #expect(!files.contains { $0.hasPrefix(".") }, "what was written aside is gone")

      let deployed = try Engine(model: exported.model.xml, data: place.location)
      #expect(await deployed.info == trained.info)
      for subset in [Subset.val, .test] {
        let here = try await deployed.evaluate(on: subset)
        let there = try await trained.evaluate(on: subset)
        #expect(here.performance == there.performance && here.subset == subset)
      }
      let folder = try Engine(model: openvino, data: place.location)
      #expect(try await folder.evaluate(on: .val).performance == scores.performance)
      try await checkPredictions(of: [trained, deployed], place)
    }

    /// What a run leaves, as far as users and other programs rely on it.
    private func checkFiles(
      _ run: TrainingRun,
      models: URL,
      _ place: Playground,
      score: String
    ) async throws {
      #expect(try names(in: models) == ["label_schema.json", "run.json", "weights.pth"])
      let (events, files) = try names(in: run.directory).reduce(into: ([String](), [String]())) {
        $1.contains(".tfevents.") ? $0.0.append($1) : $0.1.append($1)
      }
      #expect(events.count == 1)
      #expect(
        files == [
          "decisions.json", "evaluation.json", "last.pth", "metrics.csv", "performance.json",
          "recipe.yaml", "report.html", "run.json", "summary.json", "train.log", "weights.pth",
        ]
      )
      #expect(run.result.checkpoint == models.appending(path: "weights.pth"))
      // By the link in the run's folder, and by the link to the newest run.
      let newest = place.workspace.root.appending(path: "latest/weights.pth")
      #expect(try CheckpointFile.readInfo(newest) == run.result.info)
      #expect(run.result.info.labels == SampleDataset.labels)

      let schema = try String(
        contentsOf: models.appending(path: "label_schema.json"),
        encoding: .utf8
      )
      #expect(SampleDataset.labels.names.allSatisfy(schema.contains))
      let performance = try JSONDecoder().decode(
        [String: Double].self,
        from: Data(contentsOf: run.directory.appending(path: "performance.json"))
      )
      #expect(performance == [score: run.result.performance])
      // The run's folder is found under any spelling of its URL.
      for model in [run.result.checkpoint, run.directory, URL(filePath: run.directory.path)] {
        #expect(
          Engine.dataLocation(ofRunThatLeft: model)
            == .root(place.data.standardizedFileURL, format: nil)
        )
      }

      let log = try String(contentsOf: run.directory.appending(path: "train.log"), encoding: .utf8)
      #expect(log.contains("Epoch [1][1/") && log.contains("lr: ") && log.contains("loss_cls: "))
      #expect(log.contains("weights: none (random weights"))
      let table = try String(
        contentsOf: run.directory.appending(path: "metrics.csv"),
        encoding: .utf8
      )
      #expect(table.hasPrefix("epoch,iteration,lr,train/loss"))
      let rows = table.split(separator: "\n").map { $0.split(separator: ",") }
      #expect(rows.count > 1 && rows.allSatisfy { $0.count == rows[0].count })

      // The page about the run: scores of the test subset, pictures inside.
      let page = try String(
        contentsOf: run.directory.appending(path: "report.html"),
        encoding: .utf8
      )
      #expect(page.contains(", test</dt>") && page.contains("data:image/jpeg;base64,"))
      for title in ["Loss", "Validation", "By class", "Confusion", "Samples", "Filled recipe"] {
        #expect(page.contains("<h3>\(title)</h3>"))
      }
      let again = place.folder.url.appending(path: "again.html")
      try Engine.writeReport(ofRun: run.directory, to: again)
      #expect(try String(contentsOf: again, encoding: .utf8) == page)

      // The recipe stands in the run's folder and in the checkpoint, every value settled.
      let recipe = try Recipe(contentsOf: run.recipe)
      let inside = try #require(try CheckpointFile.readRecipe(run.result.checkpoint))
      #expect(try Recipe(yaml: inside, source: "checkpoint", name: "") == recipe)
      #expect(recipe.weights == "none" && recipe.training.precision == .fp32)
      #expect(recipe.model.backbone != "auto" && recipe.method != .auto)
      #expect(!recipe.inputSize.isAuto && !recipe.resize.isAuto)
    }

    /// Each picture gets predictions that lie within it, and both engines agree on them.
    private func checkPredictions(of engines: [Engine], _ place: Playground) async throws {
      let pictures = try pictures(in: place.data).suffix(3)
      #expect(pictures.count == 3)
      var found: [[PicturePrediction]] = []
      for engine in engines {
        var predictions: [PicturePrediction] = []
        try await engine.predict(Array(pictures), confidenceThreshold: 0.05) {
          predictions.append($0)
        }
        #expect(predictions.map(\.image) == Array(pictures))
        for prediction in predictions {
          #expect(!prediction.findings.isEmpty && !prediction.marks.isEmpty)
          for finding in prediction.findings {
            #expect(SampleDataset.labels.index(of: finding.label) != nil)
            #expect((0...1).contains(finding.score))
            guard let box = finding.box else { continue }
            #expect(box.x1 >= 0 && box.y1 >= 0 && box.x1 < box.x2 && box.y1 < box.y2)
            #expect(box.x2 <= Float(prediction.size.width))
            #expect(box.y2 <= Float(prediction.size.height))
          }
        }
        found.append(predictions)
      }
      for (one, other) in zip(found[0], found[1]) {
        #expect(one.summary == other.summary && one.size == other.size)
        expectClose(
          one.findings.map(\.score),
          other.findings.map(\.score),
          rtol: 1e-3,
          atol: 1e-4
        )
      }
    }

    private func names(in folder: URL) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    private func pictures(in folder: URL) throws -> [URL] {
      try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        .filter { $0.hasSuffix(".jpg") }.sorted()
        .map { folder.appending(path: $0) }
    }
  }
}
