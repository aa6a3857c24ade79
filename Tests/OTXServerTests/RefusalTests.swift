import Foundation
import OTXCore
import OTXImage
import OTXInference
import OTXTesting
import Testing

@testable import OTXServer

@Suite("What a server refuses")
struct RefusalTests {
  private let picture: [UInt8]
  init() throws { picture = try #require(TestServer.picture) }

  /// A PNG whose header declares a size.
  private func bomb(_ side: UInt32) -> [UInt8] {
    func big(_ number: UInt32) -> [UInt8] {
      withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
    let header = Array("IHDR".utf8) + big(side) + big(side) + [8, 2, 0, 0, 0]
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + big(13) + header + big(0)
  }

  @Test func whatIsNoPictureIsToldSo() async throws {
    let jpeg = try ImageFile.jpeg(TestModels.plain(1, 2, 3))
    let cases: [(bytes: [UInt8], status: Int, code: String, word: String)] = [
      ([], 422, "unreadable-picture", "empty"),
      (Array("hello".utf8), 422, "unreadable-picture", "text"),
      (Array("GIF89a".utf8) + [0, 0, 0, 0], 422, "unreadable-picture", "GIF"),
      (Array(picture.prefix(60)), 422, "unreadable-picture", "ends too early"),
      (Array(jpeg.prefix(jpeg.count / 2)), 422, "unreadable-picture", "picture"),
      (bomb(60_000), 422, "unreadable-picture", "60000"),
      (bomb(9000), 413, "picture-too-large", "9000"),
      (bomb(0), 422, "unreadable-picture", "size"),
    ]
    try await TestServer.run { server in
      for (bytes, status, code, word) in cases {
        let answer = try await server.predict("", bytes)
        #expect(answer.status == status, "\(answer.text)")
        #expect(answer.code == code)
        #expect(answer.headers["content-type"] == "application/problem+json")
        let problem = try answer.json()
        #expect((problem["detail"] as? String)?.contains(word) == true, "\(answer.text)")
        #expect(problem["status"] as? Int == status)
        #expect(problem["type"] as? String == "about:blank")
        #expect(problem["title"] is String)
      }
      // None of it did any harm.
      #expect(try await server.predict("", picture).status == 200)
    }
  }

  @Test func whatIsNotUnderstoodIsToldSo() async throws {
    let type = ["Content-Type": "image/png"]
    let cases: [(String, String, [String: String], Int, String)] = [
      ("POST", "/predict?treshold=0.5", type, 400, "bad-query"),
      ("POST", "/predict?threshold=2", type, 400, "bad-query"),
      ("POST", "/predict?threshold=nan", type, 400, "bad-query"),
      ("POST", "/predict?threshold=", type, 400, "bad-query"),
      ("POST", "/predict?threshold=0.1&threshold=0.2", type, 400, "bad-query"),
      ("POST", "/predict?model=x", type, 400, "bad-query"),
      ("POST", "/predict?overlay=gif", type, 400, "bad-query"),
      ("POST", "/predict", [:], 415, "unsupported-type"),
      ("POST", "/predict", ["Content-Type": "text/html"], 415, "unsupported-type"),
      ("POST", "/predict", ["Content-Type": "image/"], 415, "unsupported-type"),
      ("POST", "/predict", ["Content-Type": "application/json"], 415, "unsupported-type"),
      ("POST", "/predict", ["Content-Type": "multipart/form-data"], 400, "bad-form"),
      ("GET", "/predict", [:], 405, "method-not-allowed"),
      ("DELETE", "/", [:], 405, "method-not-allowed"),
      ("GET", "/predict/", [:], 404, "not-found"),
      ("GET", "//", [:], 404, "not-found"),
      ("GET", "/samples/0", [:], 404, "not-found"),
      ("GET", "/samples/../../../etc/passwd", [:], 404, "not-found"),
      ("GET", "/samples/%2e%2e%2fetc%2fpasswd", [:], 404, "not-found"),
      ("GET", "/samples/-1", [:], 404, "not-found"),
      ("GET", "/samples/99999999999999999999", [:], 404, "not-found"),
      ("GET", "/samples/%D9%A3", [:], 404, "not-found"),
    ]
    try await TestServer.run { server in
      for (method, target, headers, status, code) in cases {
        let answer = try await server.ask(
          method,
          target,
          headers,
          body: method == "POST" ? [1] : []
        )
        #expect(answer.status == status, "\(method) \(target): \(answer.text)")
        #expect(answer.code == code, "\(method) \(target): \(answer.text)")
        if status == 405 { #expect(answer.headers["allow"] != nil) }
      }
      let misspelled = try await server.predict("?treshold=0.5", picture)
      #expect(misspelled.text.contains("threshold"))
      let metrics = try await server.ask("GET", "/metrics").text
      #expect(metrics.contains("otx_requests_total{path=\"other\",status=\"404\"}"))
      #expect(metrics.contains("otx_errors_total{code=\"unsupported-type\"} 4\n"))
    }
  }

  @Test func brokenHTTPIsRefused() async throws {
    try await TestServer.run { server in
      let port = server.port
      let cases = [
        "hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "POST /predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + String(repeating: "a", count: 100_000)
          + "\r\n\r\n",
      ]
      for text in cases {
        let status = try await Wire.apart {
          let wire = try Wire(port: port)
          try? wire.send(text)
          return try? wire.answer().status
        }
        #expect(status == nil || status == 400, "\(text.prefix(40))")
      }
      #expect(try await server.ask("GET", "/health").status == 200)
    }
  }

  @Test func aBodyThatIsTooLargeIsRefused() async throws {
    try await TestServer.run(
      options: changed {
        $0.limits.uploadByteCount = 200_000
      }
    ) { server in
      let port = server.port
      // By its length, before it comes.
      let announced = try await Wire.apart {
        let wire = try Wire(port: port)
        try wire.send(
          "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 200001\r\n\r\n"
        )
        return try wire.answer()
      }
      #expect(announced.status == 413)
      #expect(announced.code == "body-too-large")
      #expect(announced.headers["connection"] == "close")
      // One without a length, that never ends.
      let endless = try await Wire.apart {
        let wire = try Wire(port: port)
        try wire.send(
          "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n"
        )
        let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 7, count: 65_536) + [13, 10]
        // The server takes its time to close, so that the answer can be read, and then does.
        var sent = 0
        while sent < 100_000, (try? wire.send(chunk)) != nil { sent += 1 }
        return sent
      }
      #expect(endless < 100_000)
      await server.wait { $0.budget.heldCount == 0 }
      #expect(try await server.predict("", picture).status == 200)
    }
  }

  @Test func aBodyThatNeverEndsElsewhereIsCutOff() async throws {
    try await TestServer.run { server in
      let port = server.port
      let answer = try await Wire.apart {
        let wire = try Wire(port: port)
        try wire.send("GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        let answer = try wire.answer()
        let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 7, count: 65_536) + [13, 10]
        var sent = 0
        while sent < 100_000, (try? wire.send(chunk)) != nil { sent += 1 }
        #expect(sent < 100_000)
        return answer
      }
      #expect(answer.headers["connection"] == "close")
    }
  }

  @Test func slowClientsAreCutOff() async throws {
    try await TestServer.run(
      options: changed {
        $0.limits.headerSeconds = 0.3
        $0.limits.bodySeconds = 0.3
        $0.limits.idleSeconds = 0.3
      }
    ) { server in
      let port = server.port
      // Half a header.
      #expect(
        try await Wire.apart {
          let wire = try Wire(port: port)
          try wire.send("POST /predict HT")
          return try wire.isClosed()
        }
      )
      // Half a body.
      let slow = try await Wire.apart {
        let wire = try Wire(port: port)
        try wire.send(
          "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nabc"
        )
        let answer = try wire.answer()
        return (answer, try wire.isClosed())
      }
      #expect(slow.0.status == 408)
      #expect(slow.0.code == "too-slow")
      #expect(slow.1)
      // Nothing after an answer.
      #expect(
        try await Wire.apart {
          let wire = try Wire(port: port)
          try wire.send(Wire.request("GET", "/health"))
          guard try wire.answer().status == 200 else { return false }
          return try wire.isClosed()
        }
      )
      await server.wait { $0.connections.count == 0 }
      let metrics = server.server.state.metrics.text(load: (0, 0), connections: 0, heldBytes: 0)
      #expect(metrics.contains("otx_errors_total{code=\"too-slow\"} 2\n"))
    }
  }

  @Test func aThousandConnectionsDoNotExhaustIt() async throws {
    try await TestServer.run(
      options: changed {
        $0.limits.connectionCount = 20
      }
    ) { server in
      let (port, picture) = (server.port, picture)
      let status = try await Wire.apart {
        // Most are closed by the server while others come; this process may open some hundred files.
        var open: [Wire] = []
        for index in 0..<1000 {
          if open.count == 100 { open.removeFirst(50) }
          let wire = try Wire(port: port)
          if index.isMultiple(of: 2) { try? wire.send("GET / HTTP/1.1\r\n") }
          open.append(wire)
        }
        let wire = try Wire(port: port)
        try wire.send(
          Wire.request("POST", "/predict", ["Content-Type": "image/png"], body: picture)
        )
        return try wire.answer().status
      }
      #expect(status == 200)
      #expect(server.server.state.connections.count <= 20)
    }
  }

  @Test func whoAsksTooOftenIsToldToWait() async throws {
    try await TestServer.run(
      options: changed {
        $0.rate = 0.001
      }
    ) { server in
      #expect(try await server.predict("", picture).status == 200)
      let refused = try await server.predict("", picture, ["X-Forwarded-For": "192.0.2.7"])
      #expect(refused.status == 429)
      #expect(refused.code == "too-many-requests")
      let wait = try #require(refused.headers["retry-after"].flatMap { Int($0) })
      #expect((1...1000).contains(wait))
      // Looking costs nothing.
      #expect(try await server.ask("GET", "/model").status == 200)
    }
    try await TestServer.run(
      options: changed {
        $0.rate = 0.001
        $0.trustsProxy = true
      }
    ) { server in
      for (field, status) in [
        ("192.0.2.7", 200), ("192.0.2.8, 192.0.2.7", 429), ("192.0.2.7, 192.0.2.8", 200),
        ("[2001:db8::1]:80", 200), ("2001:db8::2", 429), ("2001:db9::1", 200),
      ] {
        let answer = try await server.predict("", picture, ["X-Forwarded-For": field])
        #expect(answer.status == status, "\(field)")
      }
    }
  }

  @Test func whenTooMuchWaitsTheRestIsRefused() async throws {
    try await TestServer.run(
      options: changed {
        $0.limits.waitingCount = 2
      }
    ) { server in
      let waiting = try await server.whileBusy { release in
        let waiting = (0..<2).map { _ in
          Task { try await server.predict("", picture).status }
        }
        await server.wait { $0.pool.load.waiting == 2 }
        let refused = try await server.predict("", picture)
        #expect(refused.status == 503)
        #expect(refused.code == "busy")
        #expect(refused.headers["retry-after"] == "1")
        #expect(try await server.ask("GET", "/health").status == 503)
        return waiting
      }
      for task in waiting { #expect(try await task.value == 200) }
      #expect(try await server.ask("GET", "/health").status == 200)
    }
  }

  @Test func bodiesTogetherHaveALimit() async throws {
    try await TestServer.run(
      options: changed {
        $0.limits.uploadByteCount = 512 << 10
        $0.limits.heldByteCount = 512 << 10
      }
    ) { server in
      let port = server.port
      let slow = try await Wire.apart {
        let wire = try Wire(port: port)
        let head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        try wire.send(head + "Content-Length: 500000\r\n\r\n")
        try wire.send([UInt8](repeating: 0, count: 300_000))
        return wire
      }
      await server.wait { $0.budget.heldCount == 512 << 10 }
      #expect(try await server.predict("", picture).code == "busy")
      let end = try await Wire.apart {
        try slow.send([UInt8](repeating: 0, count: 200_000))
        return try slow.answer().status
      }
      #expect(end == 422)
      #expect(try await server.predict("", picture).status == 200)
    }
  }
}

@Suite("The life of a server")
struct LifeTests {
  @Test func requestsUnderWayAreAnsweredBeforeItStops() async throws {
    let picture = try #require(TestServer.picture)
    try await TestServer.run { server in
      let answer = try await server.whileBusy { release in
        let asking = Task { try await server.predict("", picture) }
        await server.wait { $0.pool.load.waiting == 1 }
        server.serving.cancel()
        release()
        return try await asking.value
      }
      #expect(answer.status == 200)
      try await server.serving.value
      let port = server.port
      await #expect(throws: WireError.self) { try await Wire.apart { _ = try Wire(port: port) } }
    }
  }

  @Test func aPortInUseIsTold() async throws {
    try await TestServer.run { first in
      let error = await #expect(throws: (any Error).self) {
        try await TestServer.run(options: changed { $0.address.port = first.port }) { _ in }
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains("port \(first.port) is in use"))
    }
    let error = await #expect(throws: (any Error).self) {
      try await TestServer.run(options: changed { $0.address.host = "192.0.2.1" }) { _ in }
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("no address '192.0.2.1'"))
  }
}
