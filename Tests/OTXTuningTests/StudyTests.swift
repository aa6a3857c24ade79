import Foundation
import GRDB
import Synchronization
import Testing

@testable import OTXTuning

private let space = SearchSpace([
  HyperParameter("rate", .logUniform(low: 1e-4, high: 0.1), initial: .number(0.01)),
  HyperParameter("batch", .quantizedUniform(low: 8, high: 64, step: 8), initial: .number(16)),
])

private func makeStudy(_ budget: Budget, seed: UInt64 = 0) throws -> Study {
  try Study(
    space: space,
    halving: Halving(minimumResource: 1, maximumResource: 9),
    budget: budget,
    seed: seed
  )
}

/// The next piece of work, where there should be one.
private func work(of study: inout Study) throws -> (trial: Trial, rung: Rung) {
  let next = study.next()
  return try #require(next)
}

private func score(_ trial: Trial) -> Double {
  1 - abs(log10((trial.values["rate"]?.number ?? 1) / 0.02))
}

@Suite struct StudyTests {
  @Test func rungsEndWithAWholeTraining() throws {
    #expect(
      try Halving(minimumResource: 1, maximumResource: 27).rungs.map(\.resource) == [1, 3, 9, 27]
    )
    #expect(
      try Halving(minimumResource: 4, maximumResource: 90).rungs.map(\.resource) == [10, 30, 90]
    )
    #expect(
      try Halving(minimumResource: 5, maximumResource: 5).rungs == [Rung(level: 0, resource: 5)]
    )
    #expect(throws: TuningError.self) { try Halving(minimumResource: 0, maximumResource: 9) }
    #expect(throws: TuningError.self) {
      try Halving(minimumResource: 1, maximumResource: 9, reductionFactor: 1)
    }
  }

  @Test func theInitialValuesComeFirst() throws {
    var study = try makeStudy(Budget(trialCount: 3))
    let first = try work(of: &study)
    #expect(first.trial.values == ["rate": .number(0.01), "batch": .number(16)])
    #expect(first.rung == Rung(level: 0, resource: 1))
    let second = try work(of: &study)
    #expect(second.trial.values != first.trial.values)
  }

  /// Nobody waits: with three done on a rung the best of them climbs.
  @Test func theBestThirdClimbs() throws {
    var study = try makeStudy(Budget(trialCount: 100))
    for (index, score) in [0.2, 0.9, 0.5].enumerated() {
      let piece = try work(of: &study)
      #expect(piece.trial.id == index && piece.rung.level == 0)
      study.finish(piece.trial.id, piece.rung, score: score)
    }
    let promoted = try work(of: &study)
    #expect(promoted.trial.id == 1 && promoted.rung == Rung(level: 1, resource: 3))
    // While it is under way, new ones begin.
    #expect(try work(of: &study).trial.id == 3)
    study.fail(1, reason: "out of memory")
    // It can climb no more; the next best is not among the best third.
    #expect(try work(of: &study).trial.id == 4)
    #expect(study.trials[1].state == .failed)
  }

  @Test func smallerIsBetterWhereAskedFor() throws {
    var study = try Study(
      space: space,
      halving: Halving(minimumResource: 1, maximumResource: 3),
      budget: Budget(trialCount: 3),
      isMaximized: false
    )
    for score in [3.0, 1, 2] {
      let piece = try work(of: &study)
      study.finish(piece.trial.id, piece.rung, score: score)
    }
    #expect(study.best?.id == 1)
    #expect(try work(of: &study).trial.id == 1)
  }

  @Test func theBudgetIsKept() throws {
    var study = try makeStudy(Budget(resource: 40))
    while let work = study.next() {
      study.finish(work.trial.id, work.rung, score: score(work.trial))
    }
    #expect(study.spentResource <= 40)
    #expect(study.spentResource >= 35)
    #expect(throws: TuningError.self) { try makeStudy(Budget()) }
    #expect(throws: TuningError.self) { try makeStudy(Budget(trialCount: 0)) }
  }

  @Test func aSearchInWhichAllFailIsEnded() throws {
    var study = try makeStudy(Budget(resource: 1000))
    var count = 0
    while let work = study.next() {
      study.fail(work.trial.id, reason: "no")
      count += 1
    }
    #expect(count == 5)
    // One success, and failures cost what they would have.
    study = try makeStudy(Budget(resource: 30))
    while let work = study.next() {
      if work.trial.id == 0 {
        study.finish(0, work.rung, score: 1)
      } else {
        study.fail(work.trial.id, reason: "no")
      }
    }
    #expect(study.trials.count == 30)
  }

  /// Only what can never be gone on with may be thrown away.
  @Test(arguments: 0..<6) func whoIsOutStaysOut(seed: UInt64) throws {
    var study = try makeStudy(Budget(resource: 60), seed: seed)
    var out: Set<Int> = []
    while let work = study.next() {
      #expect(!out.contains(work.trial.id))
      study.finish(work.trial.id, work.rung, score: score(work.trial))
      out.formUnion(study.trials.map(\.id).filter { !study.mayClimb($0) })
    }
    #expect(out.count == study.trials.count - study.trials.count { study.mayClimb($0.id) })
    #expect(!out.isEmpty)
  }

  @Test func thePlanCanBeShortened() throws {
    var study = try makeStudy(Budget(trialCount: 100))
    let first = try work(of: &study)
    study.finish(0, first.rung, score: 1)
    study.limit(resource: 3)
    #expect(study.dropHighestRung() && study.dropHighestRung() && !study.dropHighestRung())
    #expect(study.trials[0].state == .complete)
    while let work = study.next() { study.finish(work.trial.id, work.rung, score: 0) }
    #expect(study.trials.count == 3)
  }

  @Test func aScoreThatIsNoNumberIsAFailure() throws {
    var study = try makeStudy(Budget(trialCount: 2))
    let piece = try work(of: &study)
    study.finish(piece.trial.id, piece.rung, score: .nan)
    #expect(study.trials[0].state == .failed)
    #expect(study.best == nil)
  }

  /// The same course from the same seed; an interrupted search goes on as if it had not been.
  @Test(arguments: [0, 3, 7, 12]) func repeats(stop: Int) throws {
    func finish(_ study: inout Study) {
      while let work = study.next() {
        study.finish(work.trial.id, work.rung, score: score(work.trial))
      }
    }
    var whole = try makeStudy(Budget(trialCount: 20), seed: 5)
    finish(&whole)
    var parts = try makeStudy(Budget(trialCount: 20), seed: 5)
    for _ in 0..<stop {
      let piece = try work(of: &parts)
      parts.finish(piece.trial.id, piece.rung, score: score(piece.trial))
    }
    _ = parts.next()
    parts.recover()
    finish(&parts)
    #expect(parts == whole)
  }

  @Test(arguments: [
    ([HyperParameter("a", .uniform(low: 1, high: 1))], "no room"),
    ([HyperParameter("a", .logUniform(low: 0, high: 1))], "above 0"),
    ([HyperParameter("a", .quantizedUniform(low: 0, high: 1, step: 0))], "step"),
    ([HyperParameter("a", .choice([]))], "needs values"), ([], "nothing to search"),
    (
      [
        HyperParameter("a", .uniform(low: 0, high: 1)),
        HyperParameter("a", .uniform(low: 0, high: 1)),
      ],
      "named twice"
    ),
  ]) func refusesSpacesWithoutSense(parameters: [HyperParameter], words: String) throws {
    let error = #expect(throws: TuningError.self) { try SearchSpace(parameters).validate() }
    #expect("\(try #require(error))".contains(words))
  }

  @Test func valuesStayInTheirRanges() throws {
    let space = SearchSpace([
      HyperParameter("q", .quantizedUniform(low: 0.1, high: 1, step: 0.2)),
      HyperParameter("l", .quantizedLogUniform(low: 8, high: 100, step: 8)),
      HyperParameter("c", .choice([.text("a"), .number(2)])),
    ])
    var study = try Study(
      space: space,
      halving: Halving(minimumResource: 1, maximumResource: 1),
      budget: Budget(trialCount: 60)
    )
    while let work = study.next() {
      let values = work.trial.values
      #expect([0.1, 0.3, 0.5, 0.7, 0.9].contains(values["q"]?.number))
      let batch = try #require(values["l"]?.number)
      #expect((8...100).contains(batch) && (batch - 8).truncatingRemainder(dividingBy: 8) == 0)
      #expect([ParameterValue.text("a"), .number(2)].contains(try #require(values["c"])))
      study.finish(work.trial.id, work.rung, score: batch)
    }
  }

  /// A space as a file says it, with the names of earlier versions.
  @Test func spacesReadAndWrite() throws {
    let text =
      #"[{"name":"lr","distribution":{"param_type":"qloguniform","range":[0.001,0.1,0.001]}},{"name":"opt","distribution":{"param_type":"choice","values":["sgd",2]},"initial":"sgd"}]"#
    let parameters = try JSONDecoder().decode([HyperParameter].self, from: Data(text.utf8))
    #expect(parameters[0].distribution == .quantizedLogUniform(low: 0.001, high: 0.1, step: 0.001))
    #expect(parameters[1].distribution == .choice([.text("sgd"), .number(2)]))
    let again = try JSONDecoder().decode(
      [HyperParameter].self,
      from: JSONEncoder().encode(parameters)
    )
    #expect(again == parameters)
  }

  /// Whatever the search crowds on by chance: what has no effect is not what decides.
  @Test(arguments: [UInt64](0..<10)) func whatDecidesIsImportant(seed: UInt64) throws {
    var study = try makeStudy(Budget(trialCount: 40), seed: seed)
    while let work = study.next() {
      study.finish(work.trial.id, work.rung, score: score(work.trial))
    }
    let found = study.importances()
    #expect(found.first?.name == "rate")
    #expect((found.first?.share ?? 0) > 0.55)
    #expect(abs(found.reduce(0) { $0 + $1.share } - 1) < 1e-9)
  }
}

@Suite struct SearchTests {
  private func folder() throws -> URL {
    let url = FileManager.default.temporaryDirectory.appending(path: "otx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  /// Each piece of work goes on from its trial's folder.
  @Test func goesOnFromItsFolder() async throws {
    let root = try folder()
    defer { try? FileManager.default.removeItem(at: root) }
    let store = try StudyStore(root.appending(path: "study.sqlite"))
    let search = Search(in: root, store: store, parallelCount: 3)
    let study = try await search.run(makeStudy(Budget(trialCount: 12))) { trial, rung, folder in
      let file = folder.appending(path: "epochs")
      let before = (try? String(contentsOf: file, encoding: .utf8)).flatMap(Int.init) ?? 0
      let expected = rung.level == 0 ? 0 : Int(pow(3, Double(rung.level - 1)))
      guard before == expected else { throw TuningError.invalidPlan("\(before) epochs") }
      try "\(rung.resource)".write(to: file, atomically: true, encoding: .utf8)
      return score(trial)
    }
    #expect(study.trials.count == 12)
    #expect(study.trials.allSatisfy { $0.failure == nil })
    #expect(try store.load() == study)
  }

  @Test func aFailedTrialEndsNothing() async throws {
    let root = try folder()
    defer { try? FileManager.default.removeItem(at: root) }
    struct Broken: Error {}
    let failures = Mutex(0)
    let search = Search(in: root) { event in
      if case .failed = event { failures.withLock { $0 += 1 } }
    }
    let study = try await search.run(makeStudy(Budget(trialCount: 6))) { trial, _, _ in
      if trial.id == 2 { throw Broken() }
      return score(trial)
    }
    #expect(study.trials[2].state == .failed && failures.withLock { $0 } == 1)
    #expect(study.best != nil)
    await #expect(throws: TuningError.self) {
      try await search.run(makeStudy(Budget(trialCount: 2))) { _, _, _ in throw Broken() }
    }
  }

  /// What was finished before the end is kept and not done again.
  @Test func goesOnAfterAnEnd() async throws {
    let root = try folder()
    defer { try? FileManager.default.removeItem(at: root) }
    let file = root.appending(path: "study.sqlite")
    let done = Mutex<[String]>([])
    let begun = Mutex(0)
    let task = Task {
      try await Search(in: root, store: StudyStore(file))
        .run(makeStudy(Budget(trialCount: 9))) { trial, rung, _ in
          // The sixth piece of work is under way when the search is ended.
          if begun.withLock({ count in
            count += 1
            return count
          }) == 6 {
            withUnsafeCurrentTask { $0?.cancel() }
            try Task.checkCancellation()
          }
          done.withLock { $0.append("\(trial.id)/\(rung.level)") }
          return score(trial)
        }
    }
    _ = try? await task.value
    let store = try StudyStore(file)
    let kept = try #require(try store.load())
    let study = try await Search(in: root, store: store).run(kept) { trial, rung, _ in
      done.withLock { $0.append("\(trial.id)/\(rung.level)") }
      return score(trial)
    }
    let all = done.withLock { $0 }
    #expect(study.trials.count == 9)
    #expect(Set(all).count == all.count, "\(all)")
  }

  @Test func refusesWhatIsNoSearch() throws {
    let root = try folder()
    defer { try? FileManager.default.removeItem(at: root) }
    let file = root.appending(path: "text.sqlite")
    try Data("this is no database at all, but long enough to be read as a header …".utf8)
      .write(to: file)
    let error = #expect(throws: TuningError.self) { try StudyStore(file) }
    #expect("\(try #require(error))".contains("no database of a search"))
    let empty = try StudyStore(root.appending(path: "new.sqlite"))
    #expect(try empty.load() == nil)
    // A database that was cut off.
    let cut = root.appending(path: "cut.sqlite")
    do {
      let store = try StudyStore(cut)
      var study = try makeStudy(Budget(trialCount: 40))
      while let work = study.next() { study.finish(work.trial.id, work.rung, score: 0.5) }
      try store.save(study)
    }
    try Data(contentsOf: cut).prefix(9000).write(to: cut)
    #expect(throws: TuningError.self) { try StudyStore(cut).load() }
  }

  @Test func refusesWhatANewerVersionWrote() throws {
    let root = try folder()
    defer { try? FileManager.default.removeItem(at: root) }
    let file = root.appending(path: "study.sqlite")
    do {
      let queue = try DatabaseQueue(path: file.path)
      try queue.write { try $0.execute(sql: "PRAGMA user_version = 99") }
    }
    let error = #expect(throws: TuningError.self) { try StudyStore(file) }
    #expect("\(try #require(error))".contains("newer version"))
  }

  @Test func waitsForNobodyForEver() throws {
    let root = try folder()
    defer { try? FileManager.default.removeItem(at: root) }
    let file = root.appending(path: "study.sqlite")
    _ = try StudyStore(file)
    let holder = try DatabaseQueue(path: file.path)
    try holder.inDatabase { database in
      try database.execute(sql: "BEGIN EXCLUSIVE")
      let error = #expect(throws: TuningError.self) { try StudyStore(file, patience: 0.05) }
      #expect("\(try #require(error))".contains("another program holds it"))
      try database.execute(sql: "ROLLBACK")
    }
  }

  /// What the first piece of work measures, the plan may be changed by.
  @Test func beginsAloneWhereItIsAskedTo() async throws {
    let root = try folder()
    defer { try? FileManager.default.removeItem(at: root) }
    let running = Mutex((now: 0, most: [Int]()))
    var search = Search(in: root, parallelCount: 3)
    search.beginsAlone = true
    search.revise = { study in
      if study.trials.count == 1 { _ = study.dropHighestRung() }
    }
    let study = try await search.run(makeStudy(Budget(trialCount: 6))) { trial, _, _ in
      running.withLock { running in
        running.now += 1
        running.most.append(trial.id == 0 ? running.now : 0)
      }
      try await Task.sleep(for: .milliseconds(5))
      running.withLock { $0.now -= 1 }
      return score(trial)
    }
    #expect(running.withLock { $0.most[0] } == 1)
    #expect(study.halving.rungs.map(\.resource) == [1, 3])
  }
}
