import Foundation
import Testing

@testable import OTXCLI

/// What commands print.
@Suite struct OutputTests {
  private func json(_ text: String) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return try #require(object as? [String: Any])
  }

  @Test func templatesAreListedAsTheyWere() async {
    let result = await otx("find --template --task DETECTION")
    #expect(
      result.output == """
        +-----------+-----------------------------------+------+---------------------------------------------------------------------------+
        |    TASK   |                 ID                | NAME |                                    PATH                                   |
        +-----------+-----------------------------------+------+---------------------------------------------------------------------------+
        | DETECTION |  Custom_Object_Detection_Gen3_SSD | SSD  |  otx/algorithms/detection/configs/detection/mobilenetv2_ssd/template.yaml |
        | DETECTION | Custom_Object_Detection_Gen3_ATSS | ATSS | otx/algorithms/detection/configs/detection/mobilenetv2_atss/template.yaml |
        +-----------+-----------------------------------+------+---------------------------------------------------------------------------+

        """
    )
    #expect(result.errors.isEmpty)
    #expect(result.status == 0)
  }

  @Test func narrowTerminalsBreakNoCell() async {
    let result = await otx("find --template --task DETECTION", width: 80)
    let path = "otx/algorithms/detection/configs/detection/mobilenetv2_atss/template.yaml"
    #expect(result.output.split(separator: "\n").contains { $0.hasSuffix("  " + path) })
    #expect(!result.output.contains("+"))
  }

  @Test(arguments: [
    ("find --json", 4), ("find --task --json", 2), ("find --task=DETECTION --json", 2),
    ("find --recipe DETECTION --json", 2), ("find --model ssd_mobilenetv2 --json", 2),
    ("find --backbone resnet18 --json", 1), ("find --all --json", 8),
    ("find --template --json", 3),
  ]) func everyListIsJSON(line: String, count: Int) async throws {
    let result = await otx(line)
    let items = try json(result.output)["items"] as? [[String: Any]]
    #expect(items?.count == count)
    #expect(items?.first?["task"] != nil || items?.first?["backbone"] != nil)
  }

  @Test func theRecipesOwnModelComesFirst() async throws {
    let result = await otx("find --model ssd_mobilenetv2 --json")
    let items = try json(result.output)["items"] as? [[String: Any]]
    #expect(items?.first?["name"] as? String == "ssd_mobilenetv2")
    #expect(items?.first?["parametersInMillions"] as? Double == 1.9)
  }

  @Test func trainPrintsOneObject() async throws {
    let result = await otx("train / --json")
    let object = try json(result.output)
    #expect(
      Set(object.keys).isSuperset(of: [
        "checkpoint", "workDirectory", "recipe", "epochs", "metrics", "imagesPerSecond",
        "secondsPerEpoch", "peakMemoryBytes",
      ])
    )
    #expect(object["checkpoint"] as? String == "/runs/1/weights.pth")
    #expect((object["metrics"] as? [String: Double])?["map_50"] == 0.929)
    #expect(result.errors.contains("INFO : Update Lr patience: 3\n"))
    #expect(result.status == 0)
  }

  @Test func trainingsLogEndsAsTheTutorials() async {
    let result = await otx("train /")
    #expect(
      result.errors.contains(
        """
        ---------------iou_thr: 0.5---------------

        +-------+-----+------+--------+-------+
        | class | gts | dets | recall | ap    |
        +-------+-----+------+--------+-------+
        | RBC   | 819 | 4070 | 0.994  | 0.903 |
        | WBC   | 72  | 516  | 1.000  | 0.988 |
        +-------+-----+------+--------+-------+
        | mAP   |     |      |        | 0.929 |
        +-------+-----+------+--------+-------+
        """
      ),
      "\(result.errors)"
    )
    #expect(result.errors.contains("Setting confidence threshold to 0.325 based on results"))
    #expect(result.errors.contains("Final model performance: Performance(score: "))
    #expect(result.output.contains("/runs/1/weights.pth"))
  }

  @Test func quietIsQuiet() async {
    let result = await otx("train / --quiet")
    #expect(result.errors.isEmpty)
    #expect(!result.output.isEmpty)
  }

  @Test func evaluationWritesThePerformance() async throws {
    let playground = try Playground(["weights.pth"])
    defer { playground.remove() }
    let file = playground.path("deep/down/performance.json")
    let result = await otx([
      "eval", playground.path("weights.pth"), "/", "--save-performance", file, "--json",
    ])
    #expect(
      try String(contentsOf: URL(filePath: file), encoding: .utf8)
        == #"{"f-measure":0.8315842078960519}"# + "\n"
    )
    #expect(result.errors.contains("F-measure after evaluation: 0.8315842078960519"))
    let object = try json(result.output)
    #expect(object["itemCount"] as? Int == 73)
    #expect(object["confidenceThreshold"] as? Double == 0.325)
    #expect((object["perClass"] as? [[String: Any]])?.count == 2)
    #expect((object["metrics"] as? [String: Double])?["f-measure"] == 0.8315)
  }

  @Test func predictionsAreListed() async throws {
    let playground = try Playground(["weights.pth", "a.jpg", "b.png"])
    defer { playground.remove() }
    let result = await otx([
      "predict", playground.path("weights.pth"), playground.path("a.jpg"), playground.path("b.png"),
      "--json",
    ])
    let predictions = try json(result.output)["predictions"] as? [[String: Any]]
    #expect(predictions?.count == 2)
    #expect(predictions?.first?["prediction"] as? [String: [Int]] == ["objects": []])
  }

  @Test func damagedPicturesAreLeftOutAndNamed() async throws {
    let playground = try Playground(["weights.pth", "pictures/a.jpg", "pictures/damaged.jpg"])
    defer { playground.remove() }
    let command = [
      "predict", playground.path("weights.pth"), playground.path("pictures"), "--json",
    ]
    let result = await otx(command)
    #expect(result.status == 0)
    #expect(result.errors.contains("damaged.jpg: the picture is damaged; it is left out"))
    let object = try json(result.output)
    #expect((object["predictions"] as? [[String: Any]])?.count == 1)
    let leftOut = object["leftOut"] as? [[String: String]]
    #expect(leftOut?.count == 1)
    #expect(leftOut?.first?["image"] == playground.path("pictures/damaged.jpg"))

    #expect(await otx(command + ["--strict"]).status == 1)
    let alone = [
      "predict", playground.path("weights.pth"), playground.path("pictures/damaged.jpg"),
    ]
    #expect(await otx(alone).status == 1)
  }

  @Test func nothingReadableIsAnError() async throws {
    let playground = try Playground(["weights.pth", "damaged1.jpg", "damaged2.jpg"])
    defer { playground.remove() }
    let result = await otx([
      "predict", playground.path("weights.pth"), playground.path("damaged1.jpg"),
      playground.path("damaged2.jpg"),
    ])
    #expect(result.status == 1)
    #expect(result.errors.contains("None of 2 pictures can be read"))
  }

  @Test func exportPrintsFilesAndParity() async throws {
    let playground = try Playground(["weights.pth"])
    defer { playground.remove() }
    let object = try json(await otx(["export", playground.path("weights.pth"), "--json"]).output)
    #expect((object["xml"] as? String)?.hasSuffix("/openvino/openvino.xml") == true)
    #expect((object["bin"] as? String)?.hasSuffix("/openvino/openvino.bin") == true)
    #expect((object["parity"] as? [String: Double])?["maxAbsoluteDifference"] == 1e-6)
  }

  @Test func aWarningStandsForGPUs() async {
    let result = await otx("train / --gpus 1")
    #expect(result.errors.contains("WARNING : --gpus 1: no GPU is used"))
  }

  @Test func versionAndHelpSucceed() async {
    let version = await otx("--version")
    #expect(version.output == "0.1.0\n")
    #expect(version.status == 0)
    let completion = await otx("--generate-completion-script bash")
    #expect(completion.status == 0)
    #expect(completion.output.contains("_otx"))
    let help = await otx("--help")
    #expect(help.status == 0)
    #expect(help.errors.isEmpty)
  }

  @Test func namesOfPicturesAreNotGivenTwice() {
    var names = UniqueNames()
    #expect(
      ["a.jpg", "b.jpg", "a.jpg", "a.jpg"].map { names.next($0) } == [
        "a.jpg", "b.jpg", "a-2.jpg", "a-3.jpg",
      ]
    )
  }
}
