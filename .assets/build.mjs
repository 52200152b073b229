// Builds api/static/vendor/ anew: bundles named by their hash, the licences of what is in them, and a manifest.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "..", "api", "static", "vendor");
const entries = ["diagram.js", "diagram.css", "form.js", "form.css", "morph.js"];

rmSync(vendor, { recursive: true, force: true });
mkdirSync(vendor);
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: entries,
  outdir: vendor,
  entryNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none", // LICENSES.txt has them whole
  metafile: true,
});

const files = {};
for (const [path, output] of Object.entries(metafile.outputs)) {
  if (output.entryPoint) files[output.entryPoint] = basename(path);
}
const packages = [...new Set(Object.keys(metafile.inputs).map(folderOf).filter(Boolean))].sort();
writeFileSync(join(vendor, "LICENSES.txt"), packages.map(notice).join("\n"));
const hashes = Object.fromEntries(readdirSync(vendor).sort().map((file) => [file, hashOf(join(vendor, file))]));
const lock = hashOf(join(here, "package-lock.json"));
writeFileSync(join(vendor, "manifest.json"), `${JSON.stringify({ lock, files, hashes }, null, 2)}\n`);

function hashOf(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** The folder of the package that a bundled file is from. */
function folderOf(path) {
  return path.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0];
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(here, folder, "package.json")));
  const text = readdirSync(join(here, folder)).find((file) => /^licen[cs]e/i.test(file));
  const whole = text ? readFileSync(join(here, folder, text), "utf8") : "";
  return `${"=".repeat(80)}\n${name} ${version} (${license})\n${"=".repeat(80)}\n${whole}\n`;
}
