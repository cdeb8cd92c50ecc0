using System.Security.Cryptography;
using System.Text;

namespace ControlCenter.Runtime.Commands;

/// <summary>A result that must not be kept readable: it has a key in it that is shown once.</summary>
#pragma warning disable CA1040 // Says something of a result that the place where answers are kept must know.
public interface ICarriesSecret;
#pragma warning restore CA1040

/// <summary>
/// Keeps an answer so that only the caller who got it can have it again: encrypted (AES-256-GCM) under a key derived from
/// the caller's own bearer key, of which the database has nothing but a hash.
/// </summary>
internal static class SealedAnswer
{
    private const string Mark = "sealed:";

    /// <summary>Seals a body.</summary>
    public static string Seal(string body, byte[] key)
    {
        var nonce = RandomNumberGenerator.GetBytes(AesGcm.NonceByteSizes.MaxSize);
        var plain = Encoding.UTF8.GetBytes(body);
        var cipher = new byte[plain.Length];
        var tag = new byte[AesGcm.TagByteSizes.MaxSize];
        using var aes = new AesGcm(key, tag.Length);
        aes.Encrypt(nonce, plain, cipher, tag);
        return Mark + Convert.ToBase64String([.. nonce, .. tag, .. cipher]);
    }

    /// <summary>Opens a body that was sealed; any other is as it is.</summary>
    public static string Open(string body, Lazy<byte[]> key)
    {
        if (!body.StartsWith(Mark, StringComparison.Ordinal))
        {
            return body;
        }

        var bytes = Convert.FromBase64String(body[Mark.Length..]).AsSpan();
        var nonce = bytes[..AesGcm.NonceByteSizes.MaxSize];
        var tag = bytes.Slice(nonce.Length, AesGcm.TagByteSizes.MaxSize);
        var cipher = bytes[(nonce.Length + tag.Length)..];
        var plain = new byte[cipher.Length];
        using var aes = new AesGcm(key.Value, tag.Length);
        aes.Decrypt(nonce, cipher, tag, plain);
        return Encoding.UTF8.GetString(plain);
    }
}
