public import Foundation
import GRDB

/// A search on disk: every trial is written in the moment it changes, so that a search that is killed
/// loses no more than the work under way.
///
/// A SQLite database with one row for the search and one for each trial, each a JSON text.
public final class StudyStore: Sendable {
  /// Version of the layout; a database of a newer one is refused.
  static let version = 1

  private let queue: DatabaseQueue
  private let name: String

  /// Opens a database, made where there is none.
  ///
  /// - Parameters:
  ///   - file: The database.
  ///   - patience: Seconds to wait for another program that holds it.
  /// - Throws: ``TuningError/unusableStore(_:reason:)`` for a file that is no such database, one of a
  ///   newer version, and one that another program holds.
  public init(_ file: URL, patience: TimeInterval = 5) throws {
    name = file.path
    do {
      var configuration = Configuration()
      configuration.busyMode = .timeout(patience)
      queue = try DatabaseQueue(path: file.path, configuration: configuration)
      try queue.write { database in
        let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard version <= StudyStore.version else {
          throw TuningError.unusableStore(
            file.path,
            reason: "it was written by a newer version of this program; use that one"
          )
        }
        try database.execute(
          sql: """
            CREATE TABLE IF NOT EXISTS study (id INTEGER PRIMARY KEY CHECK (id = 0), plan TEXT NOT NULL);
            CREATE TABLE IF NOT EXISTS trial (id INTEGER PRIMARY KEY, state TEXT NOT NULL, record TEXT NOT NULL);
            PRAGMA user_version = \(StudyStore.version);
            """
        )
      }
    } catch let error as TuningError {
      throw error
    } catch {
      throw StudyStore.failure(file.path, error)
    }
  }

  /// The search that is kept here; `nil` in a new database.
  ///
  /// - Throws: ``TuningError/unusableStore(_:reason:)`` for damaged rows.
  public func load() throws -> Study? {
    try reporting {
      try queue.read { database in
        guard let plan = try String.fetchOne(database, sql: "SELECT plan FROM study") else {
          return nil
        }
        let records = try String.fetchAll(database, sql: "SELECT record FROM trial ORDER BY id")
        var study = try JSONDecoder().decode(Study.self, from: Data(plan.utf8))
        study.trials = try records.map {
          try JSONDecoder().decode(Trial.self, from: Data($0.utf8))
        }
        guard study.trials.map(\.id) == Array(study.trials.indices) else {
          throw TuningError.unusableStore(name, reason: "trials are missing; \(StudyStore.advice)")
        }
        return study
      }
    }
  }

  /// Keeps a search as it is now.
  ///
  /// - Parameters:
  ///   - study: The search.
  ///   - trial: The only trial that changed; `nil`: all of it is written.
  /// - Throws: ``TuningError/unusableStore(_:reason:)``, as where the disk is full.
  public func save(_ study: Study, changed trial: Int? = nil) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    try reporting {
      var plan = study
      plan.trials = []
      let text = String(decoding: try encoder.encode(plan), as: UTF8.self)
      let changed = trial.map { [study.trials[$0]] } ?? study.trials
      try queue.write { database in
        try database.execute(
          sql: "INSERT OR REPLACE INTO study (id, plan) VALUES (0, ?)",
          arguments: [text]
        )
        for trial in changed {
          let record = String(decoding: try encoder.encode(trial), as: UTF8.self)
          try database.execute(
            sql: "INSERT OR REPLACE INTO trial (id, state, record) VALUES (?, ?, ?)",
            arguments: [trial.id, trial.state.rawValue, record]
          )
        }
      }
    }
  }

  private func reporting<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as TuningError {
      throw error
    } catch {
      throw StudyStore.failure(name, error)
    }
  }

  private static let advice = "put a copy of it back, or begin a new search"

  private static func failure(_ file: String, _ error: any Error) -> TuningError {
    switch error {
    case let error as DatabaseError where error.resultCode == .SQLITE_NOTADB:
      .unusableStore(file, reason: "is no database of a search; \(advice)")
    case let error as DatabaseError
    where [.SQLITE_BUSY, .SQLITE_LOCKED].contains(error.resultCode):
      .unusableStore(file, reason: "another program holds it; wait until it has ended")
    case let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT:
      .unusableStore(file, reason: "is damaged (\(error.message ?? "\(error)")); \(advice)")
    case let error as DatabaseError: .unusableStore(file, reason: error.message ?? "\(error)")
    case is DecodingError: .unusableStore(file, reason: "a row of it is damaged; \(advice)")
    default: .unusableStore(file, reason: "\(error)")
    }
  }
}
