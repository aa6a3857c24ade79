import Foundation
import Testing

@testable import OTXCLI

/// A wrong command line ends with status 64 and says what was meant.
@Suite struct MistakeTests {
  @Test(arguments: [
    ("trian", "unknown command 'trian', did you mean 'train'?"),
    ("evla x", "did you mean 'eval'?"),
    ("optimise x", "did you mean 'optimize'?"), ("optimize x", "there is nothing at 'x'"),
    ("find --tsk DETECTION", "Did you mean '--task'?"),
    ("find --task DETECTOIN", "unknown task 'DETECTOIN', did you mean 'DETECTION'?"),
    (
      "find --model atss_mobilenet",
      "unknown recipe 'atss_mobilenet', did you mean 'atss_mobilenetv2'?"
    ),
    (
      "find --backbone ssd_mobilenet",
      "unknown model 'ssd_mobilenet', did you mean 'ssd_mobilenetv2'?"
    ),
    ("find --recipe DETECTION --model x", "name one of --recipe, --model and --backbone"),
    ("train", "no data: name a folder or a data.yaml"),
    ("eval outputs9", "there is nothing at 'outputs9', and no recipe of that name"),
    ("train nowhere/at/all", "there is nothing at 'nowhere/at/all'"),
    ("train atss_mobilenetv1 --data-root /", "did you mean 'atss_mobilenetv2'?"),
    ("train Custom_Object_Detection_Gen3_ATS --data-root /", "did you mean the template"),
    ("train --model atts --data-root /", "unknown model 'atts', did you mean 'atss_mobilenetv2'?"),
    ("train --data-root /nowhere", "--data-root: there is nothing at '/nowhere'"),
    ("train / --data-root /", "the data is named more than once"),
    ("train / --set maxEpoch=3", "--set: unknown key 'maxEpoch', did you mean 'maxEpochs'?"),
    ("train / --set maxEpochs", "'maxEpochs' is no assignment"),
    ("train / --max-epochs many", "--max-epochs: 'many' is no value for maxEpochs"),
    (
      "train / --max-epochs -1", "--max-epochs: '-1' is no value for maxEpochs; expected at least 1"
    ),
    ("train / --adaptive-bs maybe", "expected one of none, auto, safe, full"),
    (
      "train / --batch-size 8 --adaptive-bs safe",
      "--batch-size and --adaptive-bs contradict each other"
    ),
    ("train / --time abc", "--time: 'abc' is no value for timeBudget; expected none, or a time"),
    ("train / --time 0", "--time: '0' is no value for timeBudget"),
    ("train / --time 0s", "--time: '0s' is no value for timeBudget"),
    ("train / --time -5m", "--time: '-5m' is no value for timeBudget"),
    ("train / --time 20", "such as 90s, 20m, 1h30m or 0:20:00"),
    ("train / --time", "Missing value for '--time <duration>'"),
    ("train / --threads 99999", "'99999' is no value for threads; expected from 0 to 1024"),
    ("train / --precision bf61", "expected one of auto, fp32, bf16, fp16"),
    ("train / --input-size huge", "HEIGHTxWIDTH"),
    ("train / --weights nothing.pth", "nothing.pth: there is no such file to take weights from"),
    ("train atss_mobilenetv2 / --method linear_probe", "linear_probe is for classifiers"),
    ("train / --task DETECTION --method linear_probe", "linear_probe is for classifiers"),
    ("train atss_mobilenetv2 / --recipe resnet18", "two recipes"),
    ("train atss_mobilenetv2 / --model resnet18", "unknown model 'resnet18'"),
    ("train atss_mobilenetv2 / --task MULTI_CLASS_CLS", "is for DETECTION, not MULTI_CLASS_CLS"),
    ("train / --model resnet18 --task DETECTION", "unknown model 'resnet18'"),
    ("train --resume nowhere", "--resume: there is no run at 'nowhere'"),
    ("train atss_mobilenetv2 --resume", "leave 'atss_mobilenetv2' out"),
    ("train --resume --model resnet18", "leave the recipe out"),
    ("train / --allow-changed-data", "--allow-changed-data is for --resume only"),
    ("train / --log-level LOUD", "unknown log level 'LOUD'"),
    ("train / --memory-limit lots", "'lots' is no size"),
    (
      "train / params --learning_parameters.batchsize 4",
      "did you mean 'learning_parameters.batch_size'?"
    ),
    ("train / params --learning_parameters.batch_size", "needs a value"),
    ("eval /nowhere.pth", "there is no model at '/nowhere.pth'"),
    ("eval --work-dir /nowhere", "no model: name a checkpoint, or train one first"),
    ("export --format tflite", "there are: openvino, onnx, pytorch"),
    ("data inof /", "unknown command 'data inof', did you mean 'info'?"),
  ]) func saysWhatWasMeant(line: String, message: String) async {
    let result = await otx(line)
    #expect(result.status == 64, "\(result.errors)")
    #expect(result.errors.contains(message), "\(result.errors)")
    #expect(result.output.isEmpty)
  }

  @Test func inJSONTheMistakeIsAnObject() async throws {
    let result = await otx("find --task DETECTOIN --json")
    #expect(result.status == 64)
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
    let message = (object as? [String: String])?["error"]
    #expect(message?.hasPrefix("unknown task 'DETECTOIN', did you mean 'DETECTION'?") == true)
  }

  @Test func aNewestRunWithoutModelIsNamed() async throws {
    let playground = try Playground(["runs/latest/train.log"])
    defer { playground.remove() }
    let result = await otx(["eval", "--work-dir", playground.path("runs")])
    #expect(result.status == 64)
    #expect(result.errors.contains("runs/latest, left none; name a checkpoint"))
  }

  @Test func placesThatCannotBeWrittenAreSaidBeforeTheWork() async throws {
    let playground = try Playground(["file", "folder/weights.pth", "data/readme.txt"])
    defer { playground.remove() }
    let model = playground.path("folder/weights.pth")
    for place in [playground.path("file") + "/score.json", playground.path("folder")] {
      let result = await otx(["eval", model, playground.path("data"), "--save-performance", place])
      #expect(result.status == 1)
      #expect(result.errors.contains("cannot write"), "\(result.errors)")
      #expect(result.output.isEmpty)
    }
  }

  @Test func aFailedJobEndsWithOne() async throws {
    let result = await otx("data info /nowhere/data.yaml")
    #expect(result.status == 64)
    let playground = try Playground(["empty/readme.txt"])
    defer { playground.remove() }
    let empty = await otx(["data", "info", playground.path("empty")])
    #expect(empty.status == 1)
    #expect(empty.errors.hasPrefix("error: "))
  }
}
