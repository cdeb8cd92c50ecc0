using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;

namespace ControlCenter.Bus;

/// <summary>Tells who calls the bus by its bearer key. Nothing under the bus's paths is anonymous.</summary>
internal sealed class BusAuthentication(RequestDelegate next, CallerDirectory directory)
{
    private const string Scheme = "Bearer ";
    private const int LongestKey = 512;

    public async Task InvokeAsync(HttpContext http)
    {
        var holder = await IdentifyAsync(http);
        http.Features.Set(holder);
        http.Features.Set(holder.Caller);
        await next(http);
    }

    private async ValueTask<KeyHolder> IdentifyAsync(HttpContext http)
    {
        var header = http.Request.Headers.Authorization.ToString();
        if (header.Length <= Scheme.Length || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            throw new DomainException(ProblemTypes.Unauthenticated, "Say who you are: Authorization: Bearer KEY.");
        }

        var key = header[Scheme.Length..].Trim();
        return key.Length is > 0 and <= LongestKey && await directory.FindAsync(key, http.RequestAborted) is { } holder
            ? holder
            : throw new DomainException(ProblemTypes.Unauthenticated, "This key is unknown, expired or revoked.");
    }
}
