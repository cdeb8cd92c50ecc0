using System.Buffers;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Models;
using Microsoft.AspNetCore.Http.Features;

namespace ControlCenter.Models;

/// <summary>Reads a request to a model whole: it may have to be sent again, to another module.</summary>
internal static class GatewayBody
{
    private const int MiB = 1024 * 1024;

    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext http)
    {
        var largestMiB = http.RequestServices.GetRequiredService<GatewayOptions>().LargestBodyMiB;
        var largest = largestMiB * MiB;
        var length = http.Request.ContentLength;

        // A caller that is still sending when it is refused would see a broken connection, and not why. Beyond this it is cut.
        http.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = 2L * largest;
        var body = new ArrayBufferWriter<byte>((int)Math.Clamp(length ?? 0, 4096, largest));
        var tooLarge = length > largest;
        var reader = http.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(http.RequestAborted);
            tooLarge |= body.WrittenCount + read.Buffer.Length > largest;
            if (!tooLarge)
            {
                foreach (var part in read.Buffer)
                {
                    body.Write(part.Span);
                }
            }

            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return tooLarge ? throw TooLarge(largestMiB) : body.WrittenMemory;
            }
        }
    }

    /// <summary>The refusal.</summary>
    public static DomainException TooLarge(int largestMiB) => new(ProblemTypes.PayloadTooLarge, $"A request to a model is at the most {largestMiB} MiB (CC_GATEWAY_BODY_MIB).");
}
