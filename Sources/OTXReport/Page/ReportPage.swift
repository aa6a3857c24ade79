public import Foundation
public import OTXCore

/// A report: what stands at its top, and sections in groups.
public struct ReportPage: Sendable, Equatable {
  public var title: String
  public var subtitle: String
  /// What a reader should know first: a run that has not ended, scores of another subset.
  public var notices: [String]
  /// The figures at the top; the first is the headline.
  public var tiles: [ReportFact]
  public var groups: [Group]

  /// Sections under one heading.
  public struct Group: Sendable, Equatable {
    public var title: String
    public var sections: [ReportSection]
    public init(_ title: String, _ sections: [ReportSection]) {
      self.title = title
      self.sections = sections
    }
  }

  public init(
    title: String,
    subtitle: String = "",
    notices: [String] = [],
    tiles: [ReportFact] = [],
    groups: [Group] = []
  ) {
    self.title = title
    self.subtitle = subtitle
    self.notices = notices
    self.tiles = tiles
    self.groups = groups
  }

  /// The page as one HTML file that needs no other: styles, plots and pictures are inside.
  public func html() -> String {
    let groups = groups.filter { !$0.sections.isEmpty }
    var html = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    html += "<meta name=\"color-scheme\" content=\"light dark\">\n"
    html += "<title>\(HTML.escaped(title))</title>\n<style>\(PageStyle.css)</style></head>\n"
    html += "<body><header><h1>\(HTML.escaped(title))</h1>"
    html += "<p class=\"subtitle\">\(HTML.escaped(subtitle))</p>"
    for notice in notices { html += "<p class=\"notice\">\(HTML.escaped(notice))</p>" }
    if !tiles.isEmpty {
      let items = tiles.map {
        "<div><dd>\(HTML.escaped($0.value))</dd><dt>\(HTML.escaped($0.name))</dt></div>"
      }
      html += "<dl class=\"tiles\">\(items.joined())</dl>"
    }
    html += "</header>\n<nav>"
    for group in groups {
      html += "<a href=\"#\(HTML.anchor(group.title))\">\(HTML.escaped(group.title))</a>"
    }
    html += "</nav>\n<main>"
    var number = 0
    for group in groups {
      html += "<div class=\"group\" id=\"\(HTML.anchor(group.title))\">"
      html += "<h2>\(HTML.escaped(group.title))</h2>\n"
      for section in group.sections {
        html += SectionView(section: section, number: number).html() + "\n"
        number += 1
      }
      html += "</div>"
    }
    return html + "</main></body></html>\n"
  }

  /// Writes the page to a file.
  ///
  /// - Throws: ``OTXCore/FileError/cannotWrite(_:reason:)``.
  public func write(to url: URL) throws { try AtomicFile.write(html(), to: url) }
}
