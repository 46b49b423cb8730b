
/** How every module begins. */
const MODULE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
/** The parts that are there or on their way, by name. */
const parts = new Map();

/** What loads one part of the interface: a file with all that it needs, of which what is there is left out. */
function loading(file) {
    let loaded;
    return wrapAsyncCb(() => {
        loaded ??= asked(new URL(`./${file}.wasm`, import.meta.url))
            .then(WebAssembly.compile)
            .then((whole) => Promise.all(partsOf(whole).map(([name, pieces]) => standing(name, pieces))));
        return loaded;
    });
}
function standing(name, pieces) {
    if (!parts.has(name)) parts.set(name, WebAssembly.instantiate(joined(pieces), getSharedImports()));
    return parts.get(name);
}
/** Their bytes in one piece. A `Blob` would do it in another process: a third of the overview's way to life. */
function joined(pieces) {
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.length;
    }
    return bytes;
}
/** The names of the parts in a file, each with the pieces of its module: the sections of one kind stand together. */
function partsOf(whole) {
    const bytesOf = (name) => new Uint8Array(WebAssembly.Module.customSections(whole, name)[0]);
    const columns = {};
    const taken = (kind) => {
        const column = (columns[kind] ??= { bytes: bytesOf(kind), at: 0 });
        const start = column.at;
        let [at, length, shift, byte] = [start + 1, 0, 0, 128];
        for (; byte & 128; shift += 7) {
            byte = column.bytes[at++];
            length |= (byte & 127) << shift;
        }
        column.at = at + length;
        return column.bytes.subarray(start, column.at);
    };
    const lines = new TextDecoder().decode(bytesOf("parts")).split("\n").map((line) => line.split(" "));
    return lines.map(([name, ...kinds]) => [name, [MODULE, ...kinds.map(taken)]]);
}
/** A server that is away, or a line that breaks, is no reason to give up: whoever waits for a part goes on waiting. */
async function asked(url) {
    for (let pause = 500; ; pause = Math.min(2 * pause, 8000)) {
        try {
            const answer = await fetch(url);
            // Whole: what breaks in the middle is asked for again, too.
            if (answer.ok) return await answer.arrayBuffer();
        } catch {
            // The next attempt says the same where it is for good.
        }
        await new Promise((done) => setTimeout(done, pause));
    }
}
