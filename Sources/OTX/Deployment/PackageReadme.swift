import Foundation
import OTXCore

/// The README of a package.
struct PackageReadme {
  var name: String
  var models: [ModelInfo]
  /// Of each model.
  var programs: [DeployableProgram] = []
  /// The oldest version of the C library that its files run with: `2.36`.
  var libraryVersion: String
  /// The sample picture's name in the package, if it has one.
  var sample: String?

  var text: String {
    let picture = sample ?? "picture.jpg"
    return """
      # \(name)

      A deployed model with everything that running it takes. It needs a Linux of the same processor
      kind with glibc \(libraryVersion) or newer, and nothing else: no Python, no Swift, no OpenVINO.

      \(models.map(row).joined(separator: "\n"))

      ## Run it

      ```
      ./otx-run \(picture)                              one line of JSON for each picture
      ./otx-run pictures/ --output drawn/               and the pictures with what was found on them
      ./otx-run video.avi --output drawn.avi            a video, frame by frame
      ./otx-run 0 --display-perf                        a camera: /dev/video0
      ./otx-run --serve 127.0.0.1:8080                  a page to try it on, and POST /predict
      ./otx-run --help                                  every option
      ```

      Pictures (JPEG, PNG, BMP, TIFF, WebP) and Motion JPEG videos (.avi) need no other program. Other
      videos and network streams are read by the machine's own `ffmpeg`, where it is installed
      (`sudo apt-get install ffmpeg`).

      The processor's own default arithmetic is used, which `otx-run` names when it starts;
      `--precision fp32` asks for 32 bits.

      ## Call it from C or C++

      ```
      cc example.c -I. -Llib -lotx_run -Wl,-rpath,'$ORIGIN/lib' -o example
      ./example . \(picture)
      ```

      `otx_run.h` says what there is; `example.c` is a whole program.

      ## Run it with PyTorch

      \(python)

      ## What is in it

      | file | what |
      | --- | --- |
      | `otx-run` | the program |
      | `model/openvino.xml`, `model/openvino.bin` | the model, as OpenVINO and its Model API read it |
      | `config.json`, `label_schema.json` | its task, threshold and labels with their colours |
      | `lib/` | the C library and what it needs |\(programRow)
      | `otx_run.h`, `example.c` | for programs of your own |
      | `licenses/` | the licences of all of it |

      Made by OTX for Swift \(OTXVersion.current).

      """
  }

  private var hasProgram: Bool { programs.contains { $0.absence == nil } }

  private var programRow: String {
    guard hasProgram else { return "" }
    return "\n| `pytorch/model.py`, `pytorch/weights.pth` | the model as a PyTorch program |"
  }

  private var python: String {
    guard hasProgram else {
      let reason = programs.lazy.compactMap(\.absence).first ?? "there is no PyTorch program in it"
      return """
        In this package \(reason).
        `otx export weights.pth --format pytorch` writes the checkpoint as `model.py` and `weights.pth`.
        """
    }
    return """
      ```
      pip install torch torchvision numpy pillow
      python pytorch/model.py \(sample ?? "picture.jpg")
      ```

      `pytorch/model.py` is the network, one line an operator, and what is before and after it; it
      finds what `otx-run` finds, and `network(image, weights)` can be called from other programs.
      """
  }

  private func row(_ info: ModelInfo) -> String {
    let labels = info.labels.names
    let shown = labels.prefix(20).joined(separator: ", ") + (labels.count > 20 ? ", …" : "")
    return "- **\(info.model)** for \(info.task.kind.title), input "
      + "\(info.preprocessing.inputSize), \(labels.count) labels: \(shown)"
  }
}
