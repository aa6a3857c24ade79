import Foundation
import OTXCore
import Testing

@testable import OTXCLI

/// Whatever word is mistyped, the message says what was meant, and the exit status is 64.
@Suite struct SuggestionTableTests {
  /// Each line has one mistake; `@` is a folder with a model, pictures, recipes and data files.
  static let mistakes: [(line: String, meant: String)] = [
    // Commands and options.
    ("trian", "train"), ("help trian", "train"), ("data inof @", "info"),
    ("recipe shwo resnet18", "show"), ("cache lsit", "list"), ("find --tsk DETECTION", "--task"),
    ("train @/pictures --max-epoch 3", "--max-epochs"), ("cache clean --dry-rnu", "--dry-run"),
    // Values of options.
    ("train @/pictures --precision bf61", "bf16"), ("train @/pictures --device cpuu", "cpu"),
    ("train @/pictures --deterministic ture", "true"),
    ("train @/pictures --method supervisd", "supervised"),
    ("train @/pictures --log-level inof", "info"), ("find --log-level wraning", "warning"),
    ("export @/model/weights.pth --format opnvino", "openvino"),
    ("eval @/model/weights.pth @/pictures --subset tset", "test"),
    // Tasks, models, recipes.
    ("find --task DETECTOIN", "DETECTION"), ("find --recipe DETECTOIN", "DETECTION"),
    ("train @/pictures --task DETECTOIN", "DETECTION"),
    ("data draw @/new --task DETECTOIN", "DETECTION"),
    ("train @/pictures --set task=DETECTOIN", "DETECTION"),
    ("train @/pictures --model ats_mobilenetv2", "atss_mobilenetv2"),
    ("train --model.help resnet81", "resnet18"), ("find --backbone resnet81", "resnet18"),
    ("find --model resnet81", "resnet18"), ("recipe show resnet81", "resnet18"),
    ("train resnet81 @/pictures", "resnet18"), ("train @/pictures --recipe resnet81", "resnet18"),
    // Keys and values of recipes.
    ("train @/pictures --set maxEpoch=3", "maxEpochs"),
    ("train @/pictures --set optimizer.learningRat=1", "learningRate"),
    ("train @/pictures --set optimizer.name=adamww", "adamw"),
    ("train @/pictures --recipe-json {\"maxEpoch\":3}", "maxEpochs"),
    ("train @/pictures --recipe-hparams maxEpoch=3", "maxEpochs"),
    ("train @/pictures @/key.yaml", "maxEpochs"), ("train @/pictures @/value.yaml", "bf16"),
    (
      "train @/pictures params --learning_parameters.batchsize 4", "learning_parameters.batch_size"
    ),
    // Files and folders.
    ("train @/pictrues", "@/pictures"), ("train --data-root @/pictures/trian", "@/pictures/train"),
    ("train --train-data-roots @/pictrues/train", "@/pictures/train"),
    ("train @/pictures --weights @/model/wieghts.pth", "@/model/weights.pth"),
    ("eval @/model/wieghts.pth @/pictures", "@/model/weights.pth"),
    ("eval @/pictures --checkpoint @/model/wieghts.pth", "@/model/weights.pth"),
    ("eval @/model/weights.pth @/pictures/oen.jpg", "@/pictures/one.jpg"),
    ("train --data @/data.yaml", "@/pictures/train"), ("data info @/pictrues", "@/pictures"),
    ("train --data @/subset.yaml", "train"),
    // Formats, and what is in the cache.
    ("data info @/pictures --data-format coc", "coco"),
    ("cache clean torch-2.15.1", "torch-2.15.0"),
  ]

  @Test(arguments: mistakes) func saysWhatWasMeant(line: String, meant: String) async throws {
    let place = try Playground([
      "model/weights.pth", "pictures/train/a/one.jpg", "pictures/one.jpg",
      "cache/sdk/torch-2.15.0/x",
    ])
    defer { place.remove() }
    try place.write("model: resnet18\nmaxEpoch: 3\n", to: "key.yaml")
    try place.write("model: resnet18\nprecision: bf61\n", to: "value.yaml")
    try place.write("train: {data-roots: pictures/trian}\n", to: "data.yaml")
    try place.write("trian: {data-roots: pictures/train}\ntest: {}\n", to: "subset.yaml")
    let words = line.split(separator: " ").map {
      $0.replacingOccurrences(of: "@", with: place.root.path)
    }
    let result = await CurrentCache.$override.withValue(place.root.appending(path: "cache")) {
      await otx(words)
    }
    let name = meant.replacingOccurrences(of: "@", with: place.root.path)
    #expect(result.status == 64, "\(result.errors)")
    #expect(result.errors.lowercased().contains("did you mean"), "\(result.errors)")
    #expect(result.errors.contains("'\(name)'?"), "\(result.errors)")
    #expect(result.output.isEmpty)
  }

  @Test func labelsAreSuggestedToo() {
    let error = DataError.unknownLabel("plateletts", known: ["RBC", "Platelets"], item: "a.jpg")
    #expect("\(error)".contains("did you mean 'Platelets'?"))
  }

  @Test func whatIsFarFromEverythingGetsNoSuggestion() async {
    for line in ["find --task pineapple", "train /pineapple/x", "pineapple"] {
      let result = await otx(line)
      #expect(result.status == 64)
      #expect(!result.errors.contains("did you mean"), "\(result.errors)")
    }
  }

  @Test func anEmptyFileIsCalledEmpty() async throws {
    let place = try Playground(["EMPTY.yaml"])
    defer { place.remove() }
    try place.write("# nothing yet\n---\n", to: "comment.yaml")
    for file in ["EMPTY.yaml", "comment.yaml"] {
      let result = await otx(["train", place.path(file)])
      #expect(result.status == 64)
      #expect(result.errors.contains("\(file)' is empty"), "\(result.errors)")
    }
  }

  /// Before the data is read: there is none at all here.
  @Test(arguments: ["gpu", "cuda", "cuda:1", "xpu", "gpu.0"])
  func adeviceThatCannotBeUsedIsRefusedAtOnce(device: String) async {
    let result = await otx("train / --device \(device)")
    #expect(result.status == 64)
    #expect(result.errors.contains("--device \(device): this version computes on the CPU"))
  }
}
