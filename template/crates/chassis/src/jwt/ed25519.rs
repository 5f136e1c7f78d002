/// The y of each point whose order divides 8, as two halves, the lower first: one of
/// order 4, of order 1, of order 2, and two of order 8.
const SMALL_ORDER: [[u128; 2]; 5] = [
    [0, 0],
    [1, 0],
    [
        0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ffec,
        0x7fff_ffff_ffff_ffff_ffff_ffff_ffff_ffff,
    ],
    [
        0xf098_eff2_89f4_c345_b027_b2c2_8f95_e826,
        0x05fc_536d_8802_38b1_3933_c6d3_05ac_dfd5,
    ],
    [
        0x0f67_100d_760b_3cba_4fd8_4d3d_706a_17c7,
        0x7a03_ac92_77fd_c74e_c6cc_392c_fa53_202a,
    ],
];

/// Whether anybody can sign for this public key, as for one of all zeros: it is a point
/// of small order, which RFC 8032 leaves to the caller to refuse. `key` is 32 bytes, or
/// DER that ends with them.
pub(super) fn is_of_small_order(key: &[u8]) -> bool {
    let (_, [.., low, high]) = key.as_rchunks() else {
        return false;
    };
    // The highest bit is the sign of x.
    let y = [
        u128::from_le_bytes(*low),
        u128::from_le_bytes(*high) & (u128::MAX >> 1),
    ];
    SMALL_ORDER.contains(&y)
}
