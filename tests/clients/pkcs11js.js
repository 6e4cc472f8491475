// pkcs11js: the calls themselves, while the primary loses its power.
"use strict";
const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const crypto = require("node:crypto");
const pkcs11js = require("pkcs11js");

const text = Buffer.from("the words that are signed");
const p11 = new pkcs11js.PKCS11();
p11.load(process.env.MODULE);
p11.C_Initialize();
const slot = p11.C_GetSlotList(true)
  .find((slot) => p11.C_GetTokenInfo(slot).label.trim() === process.env.LABEL);
const session = p11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
p11.C_Login(session, pkcs11js.CKU_USER, process.env.PIN);

const parameters = Buffer.from("06082a8648ce3d030107", "hex");
const token = [
  { type: pkcs11js.CKA_TOKEN, value: true },
  { type: pkcs11js.CKA_LABEL, value: "node" },
];
const pair = p11.C_GenerateKeyPair(
  session, { mechanism: pkcs11js.CKM_EC_KEY_PAIR_GEN },
  [...token, { type: pkcs11js.CKA_VERIFY, value: true }, { type: pkcs11js.CKA_EC_PARAMS, value: parameters }],
  [...token, { type: pkcs11js.CKA_SIGN, value: true }]);
const [{ value: point }] = p11.C_GetAttributeValue(session, pair.publicKey, [{ type: pkcs11js.CKA_EC_POINT }]);
// The head of a public key on P-256, before its point.
const head = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
const outside = crypto.createPublicKey({
  key: Buffer.concat([head, point.subarray(2)]), format: "der", type: "spki",
});

const signOnce = () => {
  p11.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA_SHA256 }, pair.privateKey);
  return p11.C_Sign(session, text, Buffer.alloc(64));
};
const verified = (signature) =>
  crypto.verify("sha256", text, { key: outside, dsaEncoding: "ieee-p1363" }, signature);

async function main() {
  assert(verified(signOnce()));
  execFileSync("hsmsim", ["fault", "add", "device.power_loss", "hsm-eus-1"]);
  assert(verified(signOnce()));
  // On a thread of Node's pool.
  p11.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA_SHA256 }, pair.privateKey);
  assert(verified(await p11.C_SignAsync(session, text, Buffer.alloc(64))));
  p11.C_DigestInit(session, { mechanism: pkcs11js.CKM_SHA256 });
  p11.C_DigestUpdate(session, text);
  assert.deepEqual(
    p11.C_DigestFinal(session, Buffer.alloc(32)), crypto.createHash("sha256").update(text).digest());
  p11.C_Logout(session);
  p11.C_CloseSession(session);
  p11.C_Finalize();
  console.log("pkcs11js is content");
}
main();
