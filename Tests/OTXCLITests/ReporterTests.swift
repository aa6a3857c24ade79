import Foundation
import OTXCore
import OTXRecipe
import Synchronization
import Testing

@testable import OTXCLI

/// What a training tells while it runs.
@Suite struct ReporterTests {
  /// A clock that is set by hand, and what was written.
  private final class Stage: Sendable {
    private let state = Mutex((time: Date(timeIntervalSince1970: 0), text: ""))
    var text: String { state.withLock { $0.text } }
    var console: Console { console(width: nil) }

    func console(width: Int?) -> Console {
      Console(
        output: { _ in },
        errors: { text in self.state.withLock { $0.text += text } },
        errorWidth: width
      )
    }
    func now() -> Date { state.withLock { $0.time } }
    func wait(_ seconds: Double) { state.withLock { $0.time += seconds } }
  }

  private func step(_ number: Int) -> TrainingEvent {
    .step(
      TrainingStep(
        epoch: 1 + (number - 1) / 32,
        epochCount: 2,
        step: 1 + (number - 1) % 32,
        stepCount: 32,
        iteration: number,
        learningRate: 0.004 / 3,
        time: 0.5,
        dataTime: 0.01,
        eta: 754,
        memoryBytes: 100 << 20,
        losses: [.init(name: "loss_cls", value: 1.1113), .init(name: "loss", value: 2.26)],
        gradientNorm: 3.6441,
        imageCount: 8
      )
    )
  }

  /// The tutorial's line, the first step and then one now and then.
  @Test func filesGetALineNowAndThen() {
    let stage = Stage()
    let reporter = ProgressReporter(console: stage.console, level: .info, now: { stage.now() })
    stage.wait(60)
    for number in 1...64 {
      reporter.observe(step(number))
      stage.wait(0.5)
    }
    reporter.end()
    let lines = stage.text.split(separator: "\n")
    #expect(lines.count == 4)
    #expect(
      lines.first?.hasSuffix(
        "INFO : Epoch [1][1/32] lr: 1.333e-03, eta: 0:12:34, time: 0.500, data_time: 0.010, "
          + "memory: 100, current_iters: 0, loss_cls: 1.1113, loss: 2.2600, grad_norm: 3.6441"
      )
        == true
    )
    #expect(!stage.text.contains("\r"))
  }

  /// Of the weights of a file, what was not taken is told, and not without end.
  @Test func weightsThatWereNotTakenAreTold() {
    let stage = Stage()
    let reporter = ProgressReporter(console: stage.console, level: .info, now: { stage.now() })
    var rows = (0..<20).map { WeightTable.Row(.missing, name: "layer\($0).weight", shape: [2, 3]) }
    rows.append(.init(.matched, name: "taken", fileName: "taken"))
    reporter.observe(.weights(WeightTable(rows: rows)))
    reporter.end()
    let lines = stage.text.split(separator: "\n")
    #expect(lines.count == 9)
    #expect(lines.first?.hasSuffix("layer0.weight [2, 3]: missing in the file") == true)
    #expect(lines.last?.contains("and 12 more") == true)
    #expect(!stage.text.contains("taken"))
  }

  @Test func terminalsGetABarOnOneLine() throws {
    let stage = Stage()
    let reporter = ProgressReporter(
      console: stage.console(width: 90),
      level: .info,
      now: { stage.now() }
    )
    stage.wait(60)
    for number in 1...32 {
      reporter.observe(step(number))
      stage.wait(0.5)
    }
    #expect(!stage.text.contains("\n"))
    let last = try #require(stage.text.split(separator: "\r").last)
    #expect(last.contains("━━━"))
    #expect(last.contains("Epoch 1/2 32/32"))
    #expect(last.contains("16.0 images/s"))
    #expect(last.contains("ETA 0:12:34"))
    #expect(last.count < 90 + 3)
    // A line of news takes the bar away before it is written.
    reporter.observe(.message("Update learning rate"))
    #expect(stage.text.contains("\r\u{1B}[K1970") || stage.text.contains("\r\u{1B}[K19"))
    #expect(stage.text.hasSuffix("INFO : Update learning rate\n"))
  }

  @Test(arguments: [20, 40, 60]) func narrowTerminalsGetOneLineToo(width: Int) {
    let stage = Stage()
    let reporter = ProgressReporter(
      console: stage.console(width: width),
      level: .info,
      now: { stage.now() }
    )
    stage.wait(60)
    reporter.observe(step(1))
    #expect(stage.text.count - "\r\u{1B}[K".count < width)
  }

  /// The bar, the rate and the time that is left stand on 40 columns, too.
  @Test func fortyColumnsShowWhatMatters() throws {
    let stage = Stage()
    let reporter = ProgressReporter(
      console: stage.console(width: 40),
      level: .info,
      now: { stage.now() }
    )
    stage.wait(60)
    reporter.observe(step(16))
    let line = try #require(stage.text.split(separator: "\r").last)
    #expect(line.contains("━") && line.contains("╌"))
    #expect(line.contains("16.0/s") && line.contains("0:12:34"))
    stage.wait(60)
    reporter.observe(.validating(done: 0, of: 200))
    stage.wait(10)
    reporter.observe(.validating(done: 50, of: 200))
    let validation = try #require(stage.text.split(separator: "\r").last)
    #expect(validation.contains("━") && validation.contains("5.0/s  ETA 0:00:30"))
    #expect(validation.count < 40 + "\u{1B}[K".count)
  }

  /// A window that is made narrower gets a shorter line from then on.
  @Test func widthsAreAskedAnew() throws {
    let stage = Stage()
    let width = Mutex(90)
    let console = Console(
      output: { _ in },
      errors: stage.console.errors,
      outputWidth: nil,
      errorColumns: { width.withLock { $0 } },
      outputText: .unicode,
      errorText: .unicode
    )
    let reporter = ProgressReporter(console: console, level: .info, now: { stage.now() })
    stage.wait(60)
    reporter.observe(step(1))
    width.withLock { $0 = 40 }
    stage.wait(1)
    reporter.observe(step(2))
    let lines = stage.text.split(separator: "\r").map { $0.count - "\u{1B}[K".count }
    #expect(lines[0] > 70 && lines[0] < 90)
    #expect(lines[1] < 40)
  }

  /// A clock that is set back by a day silences nothing.
  @Test func clocksThatJumpDoNotMatter() {
    let stage = Stage()
    let reporter = ProgressReporter(console: stage.console, level: .info, now: { stage.now() })
    stage.wait(1_000_000)
    reporter.observe(step(1))
    stage.wait(-86_400)
    reporter.observe(step(2))
    stage.wait(11)
    reporter.observe(step(3))
    #expect(stage.text.split(separator: "\n").count == 3)
  }

  @Test func debuggersGetEveryStep() {
    let stage = Stage()
    let reporter = ProgressReporter(
      console: stage.console(width: 90),
      level: .debug,
      now: { stage.now() }
    )
    for number in 1...5 { reporter.observe(step(number)) }
    #expect(stage.text.split(separator: "\n").count == 5)
    #expect(!stage.text.contains("\r"))
    #expect(stage.text.contains("DEBUG : Epoch [1][1/32]"))
  }

  /// Evaluations tell now and then, too, where there is no terminal.
  @Test func evaluationsTellFilesNowAndThen() {
    let stage = Stage()
    let reporter = ProgressReporter(console: stage.console, level: .info, now: { stage.now() })
    stage.wait(60)
    for done in 0...40 {
      reporter.observe(.validating(done: done * 10, of: 400))
      stage.wait(1)
    }
    let lines = stage.text.split(separator: "\n")
    #expect(lines.count == 5)
    #expect(lines[1].hasSuffix("Evaluated 100/400 images  10.0 images/s  ETA 0:00:30"))
  }

  @Test func levelsAreKept() {
    let stage = Stage()
    let reporter = ProgressReporter(console: stage.console, level: .warning, now: { stage.now() })
    reporter.observe(.message("news"))
    reporter.observe(.warning("careful"))
    reporter.observe(step(1))
    #expect(stage.text.hasSuffix("WARNING : careful\n"))
    #expect(!stage.text.contains("news"))
    #expect(!stage.text.contains("Epoch"))
  }
}

/// Every recipe trains a model that there is.
@Suite struct RecipeModelContract {
  static let models = StandardJobs().models

  @Test(arguments: RecipeLibrary.builtIn.entries.map(\.name))
  func namesAModelOfTheZoo(name: String) throws {
    let recipe = try RecipeLibrary.builtIn.recipe(name)
    let model = try #require(
      RecipeModelContract.models.first {
        $0.name == recipe.model.name && $0.task == recipe.task
      }
    )
    #expect(model.task == recipe.task)
    if case .value(let size) = recipe.inputSize {
      #expect(size.height % model.sizeMultiple == 0 && size.width % model.sizeMultiple == 0)
    }
  }

  @Test(arguments: models.map(\.name)) func everyModelHasARecipe(name: String) {
    #expect(RecipeLibrary.builtIn.entries.contains { $0.recipe.model.name == name })
  }
}
