// report_page.h: what is the same in every HTML report: head, style, script.
#pragma once

namespace sluice::simulate {

// The policy forbids every load, so nothing that a log may smuggle in can fetch anything.
inline constexpr const char* kPageHead = R"HTML(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
)HTML";

// Blue and vermilion of Okabe and Ito: told apart by every eye.
inline constexpr const char* kPageStyle = R"HTML(<style>
:root{--back:#fff;--panel:#f5f7f9;--text:#1a1f26;--quiet:#56606c;--line:#d5dbe1;--blue:#2b7bba;--red:#d1490c;--other:#8a5fbf;--mark:#d1490c40}
@media (prefers-color-scheme:dark){:root{--back:#14181d;--panel:#1e242b;--text:#e8ecf0;--quiet:#a3aeb9;--line:#37414b;--blue:#5aa9e6;--red:#ff8a4c;--other:#c3a2f0;--mark:#ff8a4c48}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:1200px;margin:0 auto;padding:1.25rem}
h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 .5rem}h2{font-size:1.125rem;margin:1.75rem 0 .5rem}
h2.trial{margin-top:.75rem}q{quotes:none}header p,section>p{color:var(--quiet);margin:.25rem 0;overflow-wrap:anywhere}
.columns{display:grid;gap:.5rem 2rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}
.columns>*{min-width:0}
.cards{display:grid;gap:.6rem;grid-template-columns:repeat(auto-fit,minmax(132px,1fr));margin:0}
.card{background:var(--panel);border-radius:8px;padding:.6rem .8rem}.card.wide{grid-column:span 2}
dt{color:var(--quiet);font-size:.85rem;line-height:1.3}dd{margin:0;font-size:1.4rem;font-variant-numeric:tabular-nums}
dd small{display:block;font-size:.85rem;color:var(--quiet)}.bad dd{color:var(--red)}
figure{margin:.75rem 0}figcaption{font-size:.9rem;color:var(--quiet);margin-bottom:.5rem}figcaption b{color:var(--text)}
.key{overflow-wrap:anywhere}
.swatch{display:inline-block;width:.8em;height:.8em;border-radius:2px;vertical-align:-.05em}
.swatch.allowed{background:var(--blue)}.swatch.refused{background:var(--red)}
.swatch.line0,.swatch.line1{height:.2em;vertical-align:.25em}.swatch.line0{background:var(--blue)}.swatch.line1{background:var(--other)}
.chart{display:grid;grid-template:5rem auto/3.4rem 1fr}.chart.tall{grid-template-rows:12rem auto}
.y{position:relative;font-size:.8rem;color:var(--quiet);font-variant-numeric:tabular-nums}
.y span{position:absolute;right:.5rem;transform:translateY(-50%);white-space:nowrap}
.plot{position:relative;border-radius:2px}.plot:focus-visible,.scroll:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
svg{display:block;width:100%;height:100%;overflow:visible}
path{vector-effect:non-scaling-stroke}.grid{stroke:var(--line);fill:none}
path.allowed{fill:var(--blue)}path.refused{fill:var(--red)}.mark{fill:var(--mark)}
.level{fill:none;stroke-width:1.6;stroke-linejoin:round}.level0{stroke:var(--blue)}.level1{stroke:var(--other);stroke-dasharray:5 3}
.x{grid-column:2;position:relative;height:1.5rem;font-size:.8rem;color:var(--quiet);font-variant-numeric:tabular-nums}
.x:has(br){height:2.7rem}
.x span{position:absolute;top:.2rem;transform:translateX(-50%);white-space:nowrap;text-align:center;line-height:1.3}
.cursor{position:absolute;top:0;bottom:0;border-left:1px solid var(--text);pointer-events:none}
.tip{position:absolute;bottom:100%;z-index:1;background:var(--text);color:var(--back);font-size:.8rem;padding:.2rem .5rem;border-radius:4px;max-width:100%;width:max-content;pointer-events:none}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child{text-align:left}thead th{color:var(--quiet);font-weight:600}tbody th{font-weight:400}
th.key{white-space:normal;min-width:11rem;max-width:26rem}
details{margin:1.75rem 0}summary{cursor:pointer}footer{color:var(--quiet);font-size:.85rem;margin-top:2rem}
@media (max-width:600px){main{padding:.9rem}.x .odd{display:none}.chart{grid-template-columns:2.9rem 1fr}.chart.tall{grid-template-rows:9rem auto}}
</style>
)HTML";

inline constexpr const char* kPageFoot =
    R"HTML(<footer>Made by sluice simulate from the log's own times, with the same exact arithmetic as the limiter.</footer>
<div id="said" aria-live="polite" style="position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)" >
    </ div></ main><script> for (const plot of document.querySelectorAll('.plot')) {
  const tips = plot.dataset.tips.split('|');
  let at = -1, cursor, tip;
  const hide = () => {
    if (cursor) {
      cursor.remove();
      tip.remove();
      cursor = undefined;
    }
  };
  const show = (i, aloud) => {
    at = Math.max(0, Math.min(tips.length - 1, i));
    if (!cursor) {
      cursor = plot.appendChild(document.createElement('div'));
      cursor.className = 'cursor';
      tip = plot.appendChild(document.createElement('div'));
      tip.className = 'tip';
    }
    const x = (at + 0.5) / tips.length;
    cursor.style.left = 100 * x + '%';
    tip.textContent = tips[at];
    tip.style.left = Math.max(0, Math.min(plot.clientWidth - tip.offsetWidth,
                                          x * plot.clientWidth - tip.offsetWidth / 2)) +
                     'px';
    if (aloud) document.getElementById('said').textContent = tips[at];
  };
  plot.addEventListener(
      'pointermove', e = > {
        const box = plot.getBoundingClientRect();
        show(Math.floor((e.clientX - box.left) / box.width * tips.length), false);
      });
  plot.addEventListener('pointerleave', hide);
  plot.addEventListener('blur', hide);
  plot.addEventListener(
      'keydown', e = > {
        const step = {ArrowLeft : -1, ArrowRight : 1, PageUp : -10, PageDown : 10}[e.key];
        if (step) {
          show(at + step, true);
          e.preventDefault();
        } else if (e.key == = 'Home') {
          show(0, true);
          e.preventDefault();
        } else if (e.key == = 'End') {
          show(tips.length - 1, true);
          e.preventDefault();
        } else if (e.key == = 'Escape')
          hide();
      });
}
</script></body></html>
)HTML";

}  // namespace sluice::simulate
