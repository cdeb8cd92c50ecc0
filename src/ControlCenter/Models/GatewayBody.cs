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
        var tooLarge = new DomainException(ProblemTypes.PayloadTooLarge, $"A request to a model is at the most {largestMiB} MiB (CC_GATEWAY_BODY_MIB).");
        if (length > largest)
        {
            throw tooLarge;
        }

        http.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = largest + 1L;
        var body = new ArrayBufferWriter<byte>((int)Math.Max(4096, length ?? 4096));
        var reader = http.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(http.RequestAborted);
            foreach (var part in read.Buffer)
            {
                body.Write(part.Span);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (body.WrittenCount > largest)
            {
                throw tooLarge;
            }

            if (read.IsCompleted)
            {
                return body.WrittenMemory;
            }
        }
    }
}
