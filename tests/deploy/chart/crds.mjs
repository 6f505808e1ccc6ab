// Validates objects of other projects (Gateway API, KEDA, Prometheus operator) by the types that their definitions say.
// Reads a JSON list of objects; writes one line for each that is wrong. What it can't know: fields that don't exist.
//
// usage: node crds.mjs FOLDER <objects.json     FOLDER has the packages in node_modules
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const packages = resolve(process.argv[2], "node_modules/@kubernetes-models");
const from = (name) => import(pathToFileURL(`${packages}/${name}/index.js`));
const kinds = {
  ...(await from("gateway-api/gateway.networking.k8s.io/v1")),
  ...(await from("keda/keda.sh/v1alpha1")),
  ...(await from("prometheus-operator/monitoring.coreos.com/v1")),
};

let wrong = 0;
for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  const name = `${object.kind} ${object.metadata?.name}`;
  try {
    new kinds[object.kind](object).validate();
  } catch (error) {
    console.log(`${name}: ${error.message}`);
    wrong += 1;
  }
}
process.exit(wrong === 0 ? 0 : 1);
