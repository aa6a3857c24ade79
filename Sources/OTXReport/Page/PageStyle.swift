/// The look of a report.
enum PageStyle {
  static let css = """
    :root{--bg:#fbfbfa;--card:#fff;--ink:#1c1f24;--soft:#5d6470;--line:#e4e5e8;--grid:#ebecef;
    --accent:#2f6bd8;--on:#fff;--warn:#a4570a;--warnbg:#fff6e8;--bad:#d3342b;
    --c0:#4269d0;--c1:#e08a00;--c2:#1d9e86;--c3:#8f55d9;--c4:#5f9e2f;--c5:#d8588f;--c6:#9c6b4e;
    --c7:#4b9bd0;--c8:#a39413;--c9:#808691}
    @media(prefers-color-scheme:dark){:root{--bg:#121418;--card:#1a1d23;--ink:#e6e8ec;--soft:#9aa2ae;
    --line:#2b3038;--grid:#272b33;--accent:#6c9bf0;--on:#0b1222;--warn:#f0b35e;--warnbg:#2a2216;--bad:#ff7368;
    --c0:#7596f0;--c1:#efb118;--c2:#5fd0ba;--c3:#b58af5;--c4:#8fce5a;--c5:#ff8ab7;--c6:#c99a7b;
    --c7:#97bbf5;--c8:#d8cb57;--c9:#a5abb5}}
    .c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}
    .c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}.c8{--c:var(--c8)}.c9{--c:var(--c9)}
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
    body{margin:0;background:var(--bg);color:var(--ink);
    font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
    font-variant-numeric:tabular-nums}
    header,main{max-width:1160px;margin:0 auto;padding:0 24px}
    header{padding-top:36px}
    h1{font-size:27px;line-height:1.2;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}
    .subtitle{margin:6px 0 0;color:var(--soft);overflow-wrap:anywhere}
    .notice{margin:14px 0 0;padding:9px 13px;background:var(--warnbg);color:var(--warn);
    border-radius:7px;overflow-wrap:anywhere}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:1px;margin:24px 0 0;
    background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
    .tiles div{box-shadow:0 0 0 1px var(--line);padding:13px 16px}
    .tiles dd{margin:0;white-space:nowrap;font-size:21px;font-weight:600;letter-spacing:-.01em}
    .tiles div:first-child dd{color:var(--accent)}
    .tiles dt{color:var(--soft);font-size:13px}
    nav{position:sticky;top:0;z-index:2;background:var(--bg);border-bottom:1px solid var(--line);
    margin-top:22px;padding:0 max(14px,calc((100% - 1160px)/2 + 14px));display:flex;overflow-x:auto}
    nav a{padding:11px 10px;color:var(--soft);text-decoration:none;white-space:nowrap;font-size:14px}
    nav a:hover,nav a:focus-visible{color:var(--ink)}
    main{padding-bottom:60px}
    .group{scroll-margin-top:44px}
    h2{font-size:20px;margin:38px 0 14px;letter-spacing:-.005em}
    h3{font-size:15.5px;margin:0 0 4px}
    section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px 20px;
    margin:0 0 16px;min-width:0}
    .note{color:var(--soft);margin:0 0 12px;font-size:14px;max-width:78ch}
    .plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:26px 34px;
    margin-top:12px}
    figure{margin:0;min-width:0}
    .heat{width:100%;aspect-ratio:4/3;border:1px solid var(--line);fill:var(--accent)}
    .plot figcaption{font-weight:600;font-size:14px}
    .legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 16px;margin:4px 0 0;padding:0;
    font-size:12.5px;color:var(--soft)}
    .legend li{display:flex;align-items:center;gap:6px;overflow-wrap:anywhere}
    .legend li::before{content:"";width:16px;flex:none;border-top:2px solid var(--c)}
    .legend .strong::before{border-top-width:4px}
    .legend .dashed::before{border-top-style:dashed}
    .ylabel,.xlabel{font-size:12px;color:var(--soft)}
    .ylabel{margin:8px 0 9px}
    .xlabel{text-align:right;margin:24px 16px 0 0}
    .area{position:relative;height:230px;margin:0 16px 0 50px;border-bottom:1px solid var(--soft)}
    .area svg{position:absolute;inset:0;width:100%;height:100%;overflow:hidden}
    .area path{fill:none;stroke:var(--c);vector-effect:non-scaling-stroke;stroke-linejoin:round;
    stroke-width:1.6px}
    .area .grid{stroke:var(--grid);stroke-width:1px}
    .area .strong{stroke-width:3px}
    .area .faint{stroke-width:1px;opacity:.32}
    .area .dashed{stroke-dasharray:5 4}
    .xt,.yt{position:absolute;font-size:12px;line-height:1;color:var(--soft);white-space:nowrap}
    .xt{top:100%;margin-top:7px;transform:translateX(-50%)}
    .yt{right:100%;margin-right:8px;transform:translateY(50%)}
    .dot{position:absolute;width:9px;height:9px;border-radius:50%;background:var(--c);
    border:2px solid var(--card);box-sizing:content-box;transform:translate(-50%,50%)}
    .mark{position:absolute;font-size:12px;line-height:1.2;white-space:nowrap;padding:1px 4px;
    background:var(--card);border-radius:3px;margin-bottom:7px;opacity:.92}
    .mark.left{transform:translateX(-100%)}
    .mark.below{margin-bottom:-25px}
    .scroll{overflow-x:auto}
    table{border-collapse:collapse;font-size:14px;min-width:min(100%,420px)}
    th,td{text-align:left;padding:6px 12px;border-bottom:1px solid var(--line);vertical-align:top;
    overflow-wrap:break-word;max-width:70ch}
    th:first-child,td:first-child{padding-left:2px}
    thead th{color:var(--soft);font-weight:500;font-size:13px}
    tfoot td{font-weight:600;border-bottom:0}
    .n{text-align:right;white-space:nowrap}
    .matrix{min-width:0;border-collapse:separate;border-spacing:2px}
    .matrix th,.matrix td{border:0;padding:7px 10px;vertical-align:middle}
    .matrix td{text-align:right;min-width:52px;border-radius:4px;
    background:color-mix(in srgb,var(--accent) var(--s),var(--grid))}
    .matrix td.deep{color:var(--on)}
    .matrix td.none{color:var(--soft)}
    .matrix tbody th{font-weight:500;white-space:nowrap}
    .matrix thead th{text-align:right;vertical-align:bottom}
    .matrix thead .corner{text-align:left;font-size:12px;min-width:84px}
    .matrix tbody th,.matrix .corner{position:sticky;left:0;background:var(--card);padding-left:2px}
    .matrix.wide{font-size:12px;border-spacing:1px}
    .matrix.wide td,.matrix.wide th{padding:3px 5px}
    .matrix.wide td{min-width:26px;border-radius:2px}
    .matrix.wide thead th span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:130px}
    .facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:0 34px;
    margin:4px 0 0;font-size:14px}
    .facts div{display:flex;gap:14px;padding:6px 0;border-bottom:1px solid var(--line)}
    .facts dt{color:var(--soft);flex:0 0 46%}
    .facts dd{margin:0;flex:1;min-width:0;overflow-wrap:anywhere}
    .bars{margin-top:8px;font-size:14px}
    .bars div{display:grid;grid-template-columns:minmax(70px,180px) 1fr 64px;gap:12px;align-items:center;
    padding:2px 0}
    .bars span:first-child{overflow-wrap:anywhere}
    .bars i{background:var(--grid);border-radius:3px;height:12px;overflow:hidden}
    .bars b{display:block;height:100%;background:var(--accent);border-radius:3px}
    .lines{margin:6px 0 0;padding-left:18px;font-size:14px;overflow-wrap:anywhere}
    pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
    font-size:12.5px}
    pre{margin:8px 0 0;padding:13px 15px;background:var(--bg);border:1px solid var(--line);
    border-radius:7px;overflow-x:auto;line-height:1.5}
    details{margin-top:8px}
    summary{cursor:pointer;color:var(--accent);font-size:14px}
    .gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));
    gap:24px 28px;margin-top:12px}
    .picture figcaption{display:flex;flex-wrap:wrap;gap:0 12px;justify-content:space-between;
    align-items:baseline;margin-bottom:5px;font-size:13px;color:var(--soft)}
    .picture code{color:var(--ink);overflow-wrap:anywhere}
    .panes{display:grid;grid-template-columns:1fr 1fr;gap:10px}
    .panes>div{min-width:0}
    .pane{font-size:12px;color:var(--soft);overflow-wrap:anywhere}
    .pane b{color:var(--c);font-weight:600}
    .pane b.wrong{color:var(--bad)}
    .panes svg{display:block;width:100%;height:auto;border-radius:6px;background:var(--grid)}
    .panes rect{fill:none;stroke:var(--c);stroke-width:2px;vector-effect:non-scaling-stroke}
    .panes rect.wrong{stroke:var(--bad);stroke-dasharray:5 3}
    .panes rect.gone{fill:var(--grid);stroke:none}
    .panes text{fill:#fff;stroke:#000;stroke-width:.22em;paint-order:stroke;stroke-linejoin:round;
    font-weight:600}
    @media(max-width:600px){header,main{padding-left:14px;padding-right:14px}header{padding-top:22px}
    h1{font-size:22px}section{padding:14px 14px 16px}.area{height:200px;margin-left:44px;margin-right:10px}
    .tiles{grid-template-columns:repeat(auto-fit,minmax(104px,1fr))}.tiles div{padding:10px 12px}
    .tiles dd{font-size:16px}nav{padding:0 4px}th,td{padding:5px 6px}.matrix tbody th{white-space:normal;overflow-wrap:anywhere}.matrix td{min-width:44px}
    .xlabel{margin-right:10px}.words thead{display:none}
    .words tr{display:grid;grid-template-columns:max-content 1fr;gap:0 12px;padding:7px 0;
    border-bottom:1px solid var(--line)}.words td{border:0;padding:0;overflow-wrap:anywhere}
    .words td:first-child{font-weight:600}.words td:nth-child(n+3){grid-column:1/-1;color:var(--soft)}
    .bars div{grid-template-columns:minmax(60px,100px) 1fr 52px}}
    @media print{:root{--bg:#fff}body{font-size:11pt}nav{display:none}section,figure{break-inside:avoid}
    details::details-content{content-visibility:visible}h2{break-after:avoid}
    *{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
    """
}
