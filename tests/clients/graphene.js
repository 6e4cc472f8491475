// graphene: objects around the calls, while the primary loses its power.
"use strict";
const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const crypto = require("node:crypto");
const graphene = require("graphene-pk11");

const text = "the words that are signed";
const module_ = graphene.Module.load(process.env.MODULE);
module_.initialize();
const slots = module_.getSlots(true);
let slot;
for (let at = 0; at < slots.length; at++) {
  if (slots.items(at).getToken().label.trim() === process.env.LABEL) slot = slots.items(at);
}
const session = slot.open(graphene.SessionFlag.SERIAL_SESSION | graphene.SessionFlag.RW_SESSION);
session.login(process.env.PIN);
const pair = session.generateKeyPair(
  graphene.KeyGenMechanism.RSA,
  { token: true, label: "graphene", modulusBits: 2048, publicExponent: Buffer.from([1, 0, 1]), verify: true, encrypt: true },
  { token: true, label: "graphene", sign: true, decrypt: true });
const aes = session.generateKey(
  graphene.KeyGenMechanism.AES, { keyType: graphene.KeyType.AES, token: true, valueLen: 32, encrypt: true, decrypt: true });
const { modulus, publicExponent } = pair.publicKey.getAttribute({ modulus: null, publicExponent: null });
const outside = crypto.createPublicKey({
  format: "jwk",
  key: { kty: "RSA", n: modulus.toString("base64url"), e: publicExponent.toString("base64url") },
});

function use() {
  const sign = session.createSign("SHA256_RSA_PKCS", pair.privateKey);
  sign.update(text.slice(0, 5));
  sign.update(text.slice(5));
  const signature = sign.final();
  assert(crypto.verify("sha256", Buffer.from(text), outside, signature));
  const verify = session.createVerify("SHA256_RSA_PKCS", pair.publicKey);
  verify.update(text);
  assert(verify.final(signature));
  const iv = crypto.randomBytes(16);
  const mechanism = { name: "AES_CBC_PAD", params: iv };
  const hidden = session.createCipher(mechanism, aes).once(Buffer.from(text), Buffer.alloc(64));
  assert.equal(session.createDecipher(mechanism, aes).once(hidden, Buffer.alloc(64)).toString(), text);
  const oaep = { name: "RSA_PKCS_OAEP", params: new graphene.RsaOaepParams(
    graphene.MechanismEnum.SHA256, graphene.RsaMgf.MGF1_SHA256) };
  const closed = crypto.publicEncrypt({ key: outside, oaepHash: "sha256" }, Buffer.from(text));
  assert.equal(session.createDecipher(oaep, pair.privateKey).once(closed, Buffer.alloc(256)).toString(), text);
}
use();
execFileSync("hsmsim", ["fault", "add", "device.power_loss", "hsm-eus-1"]);
// An operation of one call moves on by itself; one of several parts would have to be begun anew.
assert.equal(session.find({ class: graphene.ObjectClass.PRIVATE_KEY, label: "graphene" }).length, 1);
use();
session.logout();
session.close();
module_.finalize();
console.log("graphene is content");
