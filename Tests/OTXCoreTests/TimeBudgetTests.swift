import Foundation
import OTXCore
import Testing

@Suite("Time budget")
struct TimeBudgetTests {
  @Test(
    "times are read as people write them",
    arguments: [
      ("90s", 90.0), ("20m", 1200), ("20min", 1200), ("1h", 3600), ("1h30m", 5400), ("1.5h", 5400),
      ("0:20:00", 1200), ("12:00:05", 43205), (" 2H ", 7200), ("1d", 86400), ("1m5s", 65),
      ("0.5s", 0.5),
    ]
  )
  func readable(_ text: String, _ seconds: Double) {
    #expect(TimeBudget(text) == .seconds(seconds))
  }

  @Test(
    "what is no time is none",
    arguments: [
      "", "0", "0s", "0:00:00", "-5m", "20", "abc", "5x", "20:00", "m", "5m5h", "1e3s", "nan",
      "inf",
      "99999999999999h", "1:99:00", "１０m", "5 m",
    ]
  )
  func unreadable(_ text: String) { #expect(TimeBudget(text) == nil) }

  @Test("what is written is read again", arguments: [0.5, 3.2, 40, 65, 1200, 5400, 86400, 90061])
  func roundTrip(_ seconds: Double) throws {
    let budget = TimeBudget.seconds(seconds)
    #expect(TimeBudget(budget.description) == budget)
    let data = try JSONEncoder().encode([budget, .none])
    #expect(try JSONDecoder().decode([TimeBudget].self, from: data) == [budget, .none])
  }

  @Test("times are told in words")
  func words() {
    #expect(TimeBudget.none.description == "none")
    #expect(TimeBudget.seconds(5400).description == "1h30m")
    #expect(TimeBudget.text(3.24) == "3.2s")
    #expect(TimeBudget.text(75.4) == "1m15s")
    #expect(TimeBudget.text(0) == "0s")
    #expect(TimeBudget.text(0.2) == "0.2s")
    #expect(TimeBudget.text(0.0314) == "0.031s")
    #expect(TimeBudget.seconds(0.25).description == "0.25s")
  }
}

@Suite("The pace of training")
struct TrainingPaceTests {
  private let pace = TrainingPace(
    stepsPerEpoch: 10,
    step: 1,
    epochStart: 0.5,
    validation: 3,
    saving: 0.5,
    report: 4
  )

  @Test("validations take a tenth of the time at most")
  func interval() {
    #expect(pace.validationInterval == 3)
    var quick = pace
    quick.validation = 0.5
    #expect(quick.validationInterval == 1)
  }

  @Test("epochs fill the time and do not exceed it")
  func fits() {
    // An epoch takes 11 s, the end 8 s, each validation between 3.5 s.
    #expect(pace.seconds(epochs: 1, validationInterval: 3) == 19)
    #expect(pace.seconds(epochs: 4, validationInterval: 3) == 44 + 3.5 + 8)
    for time in stride(from: 0.0, to: 400, by: 3.7) {
      let count = pace.epochCount(within: time, validationInterval: 3, atMost: 1000)
      if count > 0 { #expect(pace.seconds(epochs: count, validationInterval: 3) <= time) }
      #expect(pace.seconds(epochs: count + 1, validationInterval: 3) > time)
    }
    #expect(pace.epochCount(within: 18.9, validationInterval: 3, atMost: 1000) == 0)
    #expect(pace.epochCount(within: 1e9, validationInterval: 3, atMost: 7) == 7)
  }
}

@Suite("Batches of another size")
struct BatchChangeTests {
  @Test("the rate follows the root of the batch")
  func rate() {
    var options = TrainOptions()
    (options.batchSize, options.optimizer.learningRate) = (16, 0.01)
    options.changeBatchSize(to: 64)
    #expect(options.batchSize == 64 && options.optimizer.learningRate == 0.02)
    let before = options
    options.changeBatchSize(to: 0)
    #expect(options == before)
  }
}
