
/** The page shown first comes as one file, from which its parts are taken; later pages load what they lack. */
let first;
function opening(file, load) {
    return wrapAsyncCb(() => {
        first ??= WebAssembly.compileStreaming(fetch(address(file))).catch(() => undefined);
        return load();
    });
}
async function part(name) {
    const whole = await first;
    const [bytes] = whole ? WebAssembly.Module.customSections(whole, name) : [];
    return bytes ? new Response(bytes, { headers: { "content-type": "application/wasm" } }) : fetch(address(name));
}
function address(name) {
    return new URL(`./${name}.wasm`, import.meta.url);
}
