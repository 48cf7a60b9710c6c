//! AES-256-SIV (RFC 5297) with its keys expanded once.
//!
//! The `aes-siv` crate expands the key of the counter mode and both subkeys of each CMAC again at every call, and computes anew
//! what depends on the key and the associated data only. Here all of that is done when a key is loaded, and neither sealing nor
//! opening changes anything, so all threads share one instance. The tests hold it to that crate's bytes.

use aes::Aes256;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use subtle::ConstantTimeEq;

/// The synthetic IV: 128 bits that authenticate.
pub(super) const IV: usize = 16;
const BLOCK: usize = 16;
/// No more can be sealed, bytes.
pub(super) const LONGEST_BODY: usize = 12 * BLOCK;

/// A key, ready for use.
pub(super) struct Siv {
    mac: Aes256,
    counter: Aes256,
    /// The CMAC's subkeys (RFC 4493 §2.3): for a last block that is whole, and for one that is not.
    subkeys: [u128; 2],
}

/// What S2V makes of the associated data, before it sees the body (RFC 5297 §2.4).
#[derive(Clone, Copy)]
pub(super) struct Context(u128);

impl Siv {
    /// From both keys: the MAC's, then the counter mode's (RFC 5297 §2.6).
    pub(super) fn new(key: &[u8; 64]) -> Self {
        let half = |at: usize| Array::from(std::array::from_fn::<u8, 32, _>(|index| key[at + index]));
        let mac = Aes256::new(&half(0));
        let first = double(encrypted(&mac, 0));
        Self { mac, counter: Aes256::new(&half(32)), subkeys: [first, double(first)] }
    }

    /// Prepares for one associated datum.
    pub(super) fn context(&self, associated: &[u8]) -> Context {
        Context(double(self.cmac(&[0; BLOCK])) ^ self.cmac(associated))
    }

    /// Encrypts a body of at most [`LONGEST_BODY`] bytes in its place.
    pub(super) fn seal(&self, context: Context, body: &mut [u8]) -> [u8; IV] {
        let iv = self.synthetic(context, body);
        self.apply_keystream(iv, body);
        iv.to_be_bytes()
    }

    /// Decrypts a body in its place. `false`: it is not genuine, and what stands there now means nothing.
    pub(super) fn open(&self, context: Context, iv: [u8; IV], body: &mut [u8]) -> bool {
        if body.len() > LONGEST_BODY {
            return false;
        }
        self.apply_keystream(u128::from_be_bytes(iv), body);
        self.synthetic(context, body).to_be_bytes().ct_eq(&iv).into()
    }

    /// The rest of S2V.
    fn synthetic(&self, Context(context): Context, body: &[u8]) -> u128 {
        let Some((front, last)) = body.split_last_chunk::<BLOCK>() else {
            let mut padded = [0; BLOCK];
            padded[..body.len()].copy_from_slice(body);
            padded[body.len()] = 0x80;
            return self.cmac(&(double(context) ^ u128::from_be_bytes(padded)).to_be_bytes());
        };
        let mut whole = [0; LONGEST_BODY];
        let end = (u128::from_be_bytes(*last) ^ context).to_be_bytes();
        whole[..front.len()].copy_from_slice(front);
        whole[front.len()..body.len()].copy_from_slice(&end);
        self.cmac(&whole[..body.len()])
    }

    /// RFC 4493 §2.4.
    fn cmac(&self, message: &[u8]) -> u128 {
        let (front, last) = message.split_at(message.len().saturating_sub(1) / BLOCK * BLOCK);
        let (blocks, _) = front.as_chunks::<BLOCK>();
        let state = blocks.iter().fold(0, |state, block| encrypted(&self.mac, state ^ u128::from_be_bytes(*block)));
        let mut padded = [0; BLOCK];
        padded[..last.len()].copy_from_slice(last);
        let [whole, partial] = self.subkeys;
        let subkey = match padded.get_mut(last.len()) {
            Some(end) => {
                *end = 0x80;
                partial
            }
            None => whole,
        };
        encrypted(&self.mac, state ^ u128::from_be_bytes(padded) ^ subkey)
    }

    /// RFC 5297 §2.5: two bits of the IV are cleared, so that 32-bit and 64-bit counters agree with a 128-bit one.
    fn apply_keystream(&self, iv: u128, body: &mut [u8]) {
        let first = iv & !(1 << 63 | 1 << 31);
        let mut stream = [Array::default(); LONGEST_BODY / BLOCK];
        let stream = &mut stream[..body.len().div_ceil(BLOCK)];
        for (index, block) in (0_u128..).zip(stream.iter_mut()) {
            *block = Array::from(first.wrapping_add(index).to_be_bytes());
        }
        self.counter.encrypt_blocks(stream);
        body.iter_mut().zip(stream.iter().flatten()).for_each(|(byte, key)| *byte ^= key);
    }
}

fn encrypted(cipher: &Aes256, block: u128) -> u128 {
    let mut block = Array::from(block.to_be_bytes());
    cipher.encrypt_block(&mut block);
    u128::from_be_bytes(block.into())
}

/// Multiplies by x in GF(2¹²⁸) (RFC 4493 §2.3), in constant time.
const fn double(block: u128) -> u128 {
    (block << 1) ^ ((block >> 127).wrapping_neg() & 0x87)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_siv::siv::Aes256Siv;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_rfc_5297_byte_for_byte(
            key in any::<[u8; 32]>(), other in any::<[u8; 32]>(), associated in prop::collection::vec(any::<u8>(), 0..40),
            body in prop::collection::vec(any::<u8>(), 0..=LONGEST_BODY),
        ) {
            let key: [u8; 64] = std::array::from_fn(|at| if at < 32 { key[at] } else { other[at - 32] });
            let expected = Aes256Siv::new(&key.into()).encrypt([&associated], &body).unwrap();
            let (siv, mut sealed) = (Siv::new(&key), body.clone());
            let iv = siv.seal(siv.context(&associated), &mut sealed);
            prop_assert_eq!([&iv[..], &sealed].concat(), expected);
            prop_assert!(siv.open(siv.context(&associated), iv, &mut sealed));
            prop_assert_eq!(sealed, body);
        }
    }

    #[test]
    fn more_than_it_can_hold_is_not_opened() {
        let siv = Siv::new(&[7; 64]);
        assert!(!siv.open(siv.context(&[1]), [0; IV], &mut [0; LONGEST_BODY + 1]));
    }
}
