/** The benchmark page; `bench.html?quick` takes a short look. */
import './bench/bench-element.ts';

document.querySelector('viv-bench')!.quick = new URLSearchParams(location.search).has('quick');
