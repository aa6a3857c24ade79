import Foundation
import OTXCore
import Synchronization

/// What a server did, as text for Prometheus.
final class ServerMetrics: Sendable {
  /// Upper ends of the histogram's buckets, in seconds.
  static let bounds = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]

  private struct Route: Hashable {
    var path: String
    var status: Int
  }

  private struct Histogram {
    var counts = [Int](repeating: 0, count: ServerMetrics.bounds.count + 1)
    var sum = 0.0

    mutating func add(_ seconds: Double) {
      counts[ServerMetrics.bounds.firstIndex { seconds <= $0 } ?? ServerMetrics.bounds.count] += 1
      sum += seconds
    }
  }

  private struct State {
    var requests: [Route: Int] = [:]
    var inFlight = 0
    var durations = Histogram()
    var predictions: [String: Histogram] = [:]
    var refused: [String: Int] = [:]
  }

  private let state = Mutex(State())
  private let start = Date()

  func begin() { state.withLock { $0.inFlight += 1 } }

  /// - Parameters:
  ///   - path: A known path; `other` for all others, so that made-up ones take no memory.
  ///   - status: Of the answer.
  ///   - seconds: From the end of the header to the answer.
  ///   - code: Of the problem, if it was one.
  func end(path: String, status: Int, seconds: Double, code: Problem.Code?) {
    state.withLock { state in
      state.inFlight -= 1
      state.requests[Route(path: path, status: status), default: 0] += 1
      state.durations.add(seconds)
      if let code { state.refused[code.rawValue, default: 0] += 1 }
    }
  }

  func predicted(model: String, seconds: Double) {
    state.withLock { $0.predictions[model, default: Histogram()].add(seconds) }
  }

  var inFlightCount: Int { state.withLock { $0.inFlight } }

  /// The text, in Prometheus' exposition format 0.0.4.
  func text(load: (waiting: Int, running: Int), connections: Int, heldBytes: Int) -> String {
    let state = state.withLock { $0 }
    var text = ""
    func family(_ name: String, _ kind: String, _ help: String) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
    }
    func histogram(_ name: String, _ labels: String, _ values: Histogram) {
      var total = 0
      let comma = labels.isEmpty ? "" : labels + ","
      for (bound, count) in zip(ServerMetrics.bounds, values.counts) {
        total += count
        text += "\(name)_bucket{\(comma)le=\"\(bound)\"} \(total)\n"
      }
      total += values.counts.last ?? 0
      let own = labels.isEmpty ? "" : "{\(labels)}"
      text += "\(name)_bucket{\(comma)le=\"+Inf\"} \(total)\n"
      text += "\(name)_sum\(own) \(values.sum)\n\(name)_count\(own) \(total)\n"
    }
    family("otx_requests_total", "counter", "Requests that were answered.")
    for (route, count) in state.requests.sorted(by: {
      ($0.key.path, $0.key.status) < ($1.key.path, $1.key.status)
    }) {
      text += "otx_requests_total{path=\"\(route.path)\",status=\"\(route.status)\"} \(count)\n"
    }
    family("otx_errors_total", "counter", "Requests that were answered with a problem.")
    for code in Problem.Code.allCases {
      text += "otx_errors_total{code=\"\(code.rawValue)\"} \(state.refused[code.rawValue] ?? 0)\n"
    }
    family("otx_request_duration_seconds", "histogram", "From a request's header to its answer.")
    histogram("otx_request_duration_seconds", "", state.durations)
    family("otx_prediction_duration_seconds", "histogram", "Decoding, inference and drawing.")
    for (model, values) in state.predictions.sorted(by: { $0.key < $1.key }) {
      histogram("otx_prediction_duration_seconds", "model=\"\(model.escapedLabel)\"", values)
    }
    let gauges: [(String, Int, String)] = [
      ("otx_requests_in_flight", state.inFlight, "Requests that are being answered."),
      ("otx_predictions_running", load.running, "Predictions that are being made."),
      ("otx_predictions_waiting", load.waiting, "Predictions that wait for a thread."),
      ("otx_connections", connections, "Connections that are open."),
      ("otx_held_bytes", heldBytes, "Bytes of bodies that are held."),
      ("process_resident_memory_bytes", Self.residentByteCount, "Memory of this process."),
      ("process_start_time_seconds", Int(start.timeIntervalSince1970), "When it started."),
    ]
    for (name, value, help) in gauges {
      family(name, "gauge", help)
      text += "\(name) \(value)\n"
    }
    return text
  }

  /// Memory of this process; 0 where the system does not say.
  static var residentByteCount: Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
      return 0
    }
    let fields = text.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}

extension String {
  /// As the value of a label.
  fileprivate var escapedLabel: String {
    replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
      .replacingOccurrences(of: "\n", with: "\\n")
  }
}
