#!/bin/sh
# pictures.sh - makes the pictures of the book from its examples: `sh docs/book/pictures.sh` after `make -C build cli/adze
# examples/book/02_tape examples/book/07_checking examples/book/10_hierarchy`. Needs graphviz for the tape's graph; the samples take a
# minute or two.
cd "$(dirname "$0")/../.." || exit 1
book=build/examples/book images=docs/book/images

$book/02_tape --dot | dot -Tsvg >$images/tape.svg
sh examples/book/10_hierarchy.sh 1000 $images/samples.png
build/cli/adze inspect examples/book/09_vae.yaml --memory --batch 16 --svg $images/memory.svg

# Error of the difference quotients over the step, both as powers of ten.
$book/07_checking --csv | awk -F, '
    function x(h) { return 60 + (h + 12) * 40 }
    function y(e) { return 20 - e * 22 }
    function curve(name, colour, points, at) {
        printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", points, colour
        printf "<text x=\"%g\" y=\"%g\" fill=\"%s\">%s</text>\n", x(-1) + 8, at, colour, name
    }
    BEGIN { print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"600\" height=\"320\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"600\" height=\"320\" fill=\"white\"/>" }
    NR > 1 { one = one x($1) "," y($2) " "; central = central x($1) "," y($3) " "; if (NR == 2) { first[1] = y($2); first[2] = y($3) } }
    END {
        for (e = 0; e >= -12; e -= 2) printf "<line x1=\"60\" x2=\"500\" y1=\"%g\" y2=\"%g\" stroke=\"#ddd\"/>\n<text x=\"52\" y=\"%g\" text-anchor=\"end\">1e%d</text>\n", y(e), y(e), y(e) + 4, e
        for (h = -12; h <= -1; h += 2) printf "<text x=\"%g\" y=\"302\" text-anchor=\"middle\">1e%d</text>\n", x(h), h
        curve("one-sided", "#c33", one, first[1]); curve("central", "#36c", central, first[2] + 12)
        print "<text x=\"280\" y=\"318\" text-anchor=\"middle\">step h</text>\n<text x=\"66\" y=\"14\">relative error</text>\n</svg>"
    }' >$images/differences.svg
