import Foundation
import HTTPTypes
import OTXCore
import OTXImage
import OTXInference
import OTXTesting
import Testing

@testable import OTXServer

@Suite("What a server answers")
struct AnswerTests {
  private let picture: [UInt8]
  init() throws { picture = try #require(TestServer.picture) }

  private func findings(_ answer: WireAnswer) throws -> [[String: Any]] {
    #expect(answer.status == 200, "\(answer.text)")
    return try #require(answer.json()["prediction"] as? [[String: Any]])
  }

  @Test func aPictureIsLookedAt() async throws {
    try await TestServer.run { server in
      let answer = try await server.predict("", picture)
      let json = try answer.json()
      #expect(json["height"] as? Int == 40)
      #expect(json["width"] as? Int == 60)
      #expect(json["image"] as? String == "picture")
      #expect(json["model"] as? String == "halves_detector")
      let timings = try #require(json["timings"] as? [String: Double])
      #expect(Set(timings.keys) == ["waiting", "decoding", "inference"])
      let found = try findings(answer)
      #expect(found.map { $0["label"] as? String } == ["left"])
      let box = try #require(found[0]["box"] as? [String: Double])
      for (side, place) in ["x1": 0.0, "y1": 0, "x2": 30, "y2": 40] {
        try expectClose([#require(box[side])], [place], rtol: 0, atol: 0.01)
      }
      #expect(answer.headers["server-timing"]?.contains("inference;dur=") == true)
      #expect(answer.headers["cache-control"] == "no-store")
      #expect(answer.headers["x-content-type-options"] == "nosniff")
      // The threshold of the request comes before the model's.
      let labels = try findings(try await server.predict("?threshold=0.1", picture))
      #expect(labels.map { $0["label"] as? String } == ["left", "right"])
      #expect(try findings(try await server.predict("?threshold=1", picture)).count == 1)
    }
  }

  @Test func aFormIsLookedAt() async throws {
    try await TestServer.run { server in
      let type = "multipart/form-data; boundary=XyZ"
      let named = try await server.predict("", form(picture, name: "z \\\"q\\\".png"), type: type)
      #expect(try findings(named).count == 1)
      #expect(try named.json()["image"] as? String == "z \"q\".png")
      let untyped = try await server.predict("", form(picture, type: nil), type: type)
      #expect(try findings(untyped).count == 1)
      let other = try await server.predict("", form(picture, type: "text/plain"), type: type)
      #expect(other.status == 415)
    }
  }

  @Test func aDrawnPictureIsGiven() async throws {
    try await TestServer.run { server in
      let asked: [(query: String, accept: String, type: String)] = [
        ("?overlay=1", "*/*", "image/jpeg"), ("?overlay=1", "image/png", "image/png"),
        ("?overlay=png", "*/*", "image/png"), ("?overlay=jpeg", "image/png", "image/jpeg"),
      ]
      for (query, accept, type) in asked {
        let answer = try await server.predict(query, picture, ["Accept": accept])
        #expect(answer.headers["content-type"] == type)
        let drawn = try ImageFile.decode(answer.body, name: "drawn")
        #expect(drawn.size == ImageSize(height: 40, width: 60))
        #expect(drawn != TestModels.plain(255, 51, 0))
      }
      let plain = try await server.predict("?overlay=0", picture)
      #expect(plain.headers["content-type"] == "application/json")
    }
  }

  @Test func twoModelsAreCompared() async throws {
    try await TestServer.run(
      models: TestModelFiles { folder in
        [
          [try TestModels.halvesDetector(in: folder, name: "one")],
          [
            try TestModels.halvesDetector(in: folder, name: "two"),
            try TestModels.colorClassifier(in: folder),
          ],
        ]
      }
    ) { server in
      let description = try await server.ask("GET", "/model").json()
      let models = try #require(description["models"] as? [[String: Any]])
      #expect(models.map { $0["name"] as? String } == ["one", "two"])
      #expect(models.map { ($0["stages"] as? [Any])?.count } == [1, 2])
      let first = try await server.predict("?model=one", picture)
      #expect(try first.json()["model"] as? String == "one")
      let found = try findings(try await server.predict("?model=two", picture))
      let inside = try #require(found[0]["inside"] as? [[String: Any]])
      #expect(inside[0]["label"] as? String == "red")
      let wrong = try await server.predict("?model=three", picture)
      #expect(wrong.status == 400)
      #expect(wrong.text.contains("models: one, two"))
      let metrics = try await server.ask("GET", "/metrics").text
      #expect(metrics.contains("otx_prediction_duration_seconds_count{model=\"one\"} 1\n"))
    }
  }

  @Test func manyRequestsAtOnceGetWhatOneGets() async throws {
    try await TestServer.run { server in
      let picture = picture
      @Sendable func ask() async throws -> String {
        let json = try await server.predict("", picture).json()
        return String(
          decoding: try JSONSerialization.data(
            withJSONObject: try #require(json["prediction"]),
            options: .sortedKeys
          ),
          as: UTF8.self
        )
      }
      let expected = try await ask()
      try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<40 { group.addTask { try await ask() } }
        for try await answer in group { #expect(answer == expected) }
      }
      #expect(server.server.state.budget.heldCount == 0)
    }
  }

  @Test func theOtherPagesAreThere() async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(Data(picture), to: "cell.png")
    try await TestServer.run(samples: [SamplePicture(name: "cell.png", url: file)]) { server in
      let page = try await server.ask("GET", "/")
      #expect(page.status == 200)
      let policy = try #require(page.headers["content-security-policy"])
      let nonce = try #require(policy.firstMatch(of: /'nonce-([0-9a-f]+)'/)?.1)
      #expect(page.text.components(separatedBy: "nonce=\"\(nonce)\"").count == 3)
      #expect(!page.text.contains("NONCE"))
      // Works offline: nothing is fetched from elsewhere.
      #expect(!page.text.contains("//cdn") && !page.text.contains("src=\"http"))
      #expect(try await server.ask("GET", "/health").text == "{\"status\":\"ok\"}")
      let sample = try await server.ask("GET", "/samples/0")
      #expect(sample.headers["content-type"] == "image/png")
      #expect(sample.body == picture)
      let head = try await server.ask("HEAD", "/samples/0")
      #expect(head.headers["content-length"] == "\(picture.count)")
      let model = try await server.ask("GET", "/model").json()
      #expect((model["samples"] as? [[String: String]])?.first?["path"] == "samples/0")
      #expect(!(try await server.ask("GET", "/model").text.contains(folder.url.path)))
      try FileManager.default.removeItem(at: file)
      #expect(try await server.ask("GET", "/samples/0").status == 404)
    }
  }

  @Test func oneConnectionServesManyRequests() async throws {
    try await TestServer.run { server in
      let (port, picture) = (server.port, picture)
      let statuses = try await Wire.apart {
        let wire = try Wire(port: port)
        let bad = Wire.request("POST", "/predict", ["Content-Type": "text/plain"], body: [1, 2, 3])
        let good = Wire.request("POST", "/predict", ["Content-Type": "image/png"], body: picture)
        try wire.send(bad + good + Wire.request("GET", "/health"))
        var statuses = [try wire.answer().status, try wire.answer().status]
        statuses.append(try wire.answer().status)
        try wire.send(Wire.request("GET", "/nothing"))
        return statuses + [try wire.answer().status]
      }
      #expect(statuses == [415, 200, 200, 404])
    }
  }

  @Test func aClientThatAsksBeforeItSendsIsInvited() async throws {
    try await TestServer.run(
      options: changed {
        $0.limits.uploadByteCount = 1000
      }
    ) { server in
      let (port, picture) = (server.port, picture)
      func head(_ count: Int) -> String {
        "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nExpect: 100-continue\r\n"
          + "Content-Length: \(count)\r\n\r\n"
      }
      let (small, large) = (head(picture.count), head(1001))
      let statuses = try await Wire.apart {
        let wire = try Wire(port: port)
        try wire.send(small)
        let first = try wire.answer().status
        try wire.send(picture)
        let second = try wire.answer().status
        let other = try Wire(port: port)
        try other.send(large)
        return [first, second, try other.answer().status]
      }
      #expect(statuses == [100, 200, 413])
    }
  }

  @Test func pagesOfOtherOriginsAreLetInByNameOnly() async throws {
    let origin = ["Origin": "https://example.org"]
    try await TestServer.run { server in
      let answer = try await server.predict("", picture, origin)
      #expect(answer.headers["access-control-allow-origin"] == nil)
      #expect(try await server.ask("OPTIONS", "/predict", origin).status == 405)
    }
    try await TestServer.run(
      options: changed {
        $0.allowedOrigins = ["https://example.org"]
      }
    ) { server in
      let answer = try await server.predict("", picture, origin)
      #expect(answer.headers["access-control-allow-origin"] == "https://example.org")
      #expect(answer.headers["vary"] == "Origin")
      let other = try await server.predict("", picture, ["Origin": "https://example.com"])
      #expect(other.headers["access-control-allow-origin"] == nil)
      let preflight = try await server.ask("OPTIONS", "/predict", origin)
      #expect(preflight.status == 204)
      #expect(preflight.headers["access-control-allow-methods"] == "POST")
      #expect(preflight.headers["access-control-allow-origin"] == "https://example.org")
    }
  }

  @Test func theDescriptionNamesEveryRouteAndCode() throws {
    let json = try JSONSerialization.jsonObject(with: Data(PackageResources.openapi_json))
    let document = try #require(json as? [String: Any])
    let paths = try #require(document["paths"] as? [String: [String: Any]])
    #expect(Set(paths.keys) == Set(Route.paths.map(\.path)))
    for (path, method) in Route.paths {
      #expect(paths[path]?[method.rawValue.lowercased()] != nil)
      let route = try #require(Route(path: path.replacingOccurrences(of: "{index}", with: "7")))
      #expect(route.name == path)
      #expect(route.methods.first == method)
    }
    let components = try #require(document["components"] as? [String: Any])
    let schemas = try #require(components["schemas"] as? [String: [String: Any]])
    let problem = try #require(schemas["Problem"]?["properties"] as? [String: [String: Any]])
    #expect(problem["code"]?["enum"] as? [String] == Problem.Code.allCases.map(\.rawValue))
  }

  /// What the description says of answers holds for real ones.
  @Test func answersAreAsDescribed() async throws {
    let json = try JSONSerialization.jsonObject(with: Data(PackageResources.openapi_json))
    let components = try #require((json as? [String: Any])?["components"] as? [String: Any])
    let schemas = try #require(components["schemas"] as? [String: [String: Any]])
    func check(_ value: [String: Any], _ name: String) throws {
      let schema = try #require(schemas[name])
      let required = Set(try #require(schema["required"] as? [String]))
      let known = Set(try #require(schema["properties"] as? [String: Any]).keys)
      #expect(required.isSubset(of: value.keys), "\(name)")
      #expect(Set(value.keys).isSubset(of: known), "\(name)")
    }
    try await TestServer.run { server in
      let prediction = try await server.predict("", picture).json()
      try check(prediction, "Prediction")
      let finding = try #require((prediction["prediction"] as? [[String: Any]])?.first)
      try check(finding, "Finding")
      try check(#require(finding["box"] as? [String: Any]), "Box")
      let description = try await server.ask("GET", "/model").json()
      try check(description, "Server")
      let model = try #require((description["models"] as? [[String: Any]])?.first)
      try check(model, "Model")
      try check(#require((model["stages"] as? [[String: Any]])?.first), "Stage")
      try check(try await server.ask("GET", "/health").json(), "Health")
      try check(try await server.ask("GET", "/nothing").json(), "Problem")
      let version = try await server.ask("GET", "/openapi.json").json()["info"] as? [String: Any]
      #expect(version?["version"] as? String == OTXVersion.current)
    }
  }
}
