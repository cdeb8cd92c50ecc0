using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace ControlCenter.Runtime.Access;

/// <summary>What keys look like, and the only form in which they are kept.</summary>
public static class KeyFormat
{
    // Names the product, so that a scanner can find a leaked one.
    private const string Prefix = "cck_";

    // 256 bits: not to be guessed, and so not to be stretched either.
    private const int RandomBytes = 32;

    /// <summary>How much of a key is kept readable, so that its owner can tell it from others.</summary>
    private const int ShownCharacters = 8;

    /// <summary>The shortest key that a founder may choose (<c>CC_FOUNDER_KEY</c>).</summary>
    public const int ShortestChosen = 12;

    /// <summary>A new key.</summary>
    public static string New() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));

    /// <summary>The hash that is kept: SHA-256 of the UTF-8 bytes.</summary>
    public static byte[] HashOf(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>The part that may be shown.</summary>
    public static string ShownPartOf(string key) => key[..Math.Min(ShownCharacters, key.Length / 2)];
}
