using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Models;

/// <summary>Which calls have a shadow, and who may be one.</summary>
public static class ShadowRules
{
    // What makes a provider do something, or go by what it keeps of its own: to ask again would do it twice, or make no sense elsewhere.
    private static readonly string[] NotAskedTwice =
        ["mcp_servers", "container", "web_search_options", "conversation", "previous_response_id", "background", "prompt"];

    /// <summary>Whether a call is one of those that are compared: by its id, so that the same call is always decided the same way.</summary>
    /// <param name="call">Which call.</param>
    /// <param name="percent">The share that is wanted, 0 to 100.</param>
    public static bool Samples(Guid call, decimal percent) => HashOf(call) < percent / 100 * ulong.MaxValue || percent >= 100;

    /// <summary>Whether the judge of a call is shown the shadow's answer first: it must not learn which is whose by their order.</summary>
    public static bool ShowsShadowFirst(Guid call) => (HashOf(call) & 1) == 1;

    /// <summary>Whether a request may be asked again: nothing may be done by it but to answer.</summary>
    /// <param name="body">The request's body, a JSON object.</param>
    public static bool MayBeAskedAgain(JsonElement body) =>
        !NotAskedTwice.Any(f => body.TryGetProperty(f, out var value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.False))
        && (!body.TryGetProperty("tools", out var tools) || tools.ValueKind == JsonValueKind.Null
            || (tools.ValueKind == JsonValueKind.Array && tools.EnumerateArray().All(IsRunByTheCaller)));

    /// <summary>What is wrong with a route's shadow.</summary>
    internal static IEnumerable<(string Field, string Message)> Check(Route route, IReadOnlyList<Provider> providers, IReadOnlyList<Module> modules)
    {
        if (route.Shadow is not { } shadow)
        {
            yield break;
        }

        if (shadow.Percent is < 0 or > 100)
        {
            yield return ("shadow.percent", $"Between 0 and 100; {shadow.Percent} was given.");
        }

        var first = modules.FirstOrDefault(m => m.Id == route.Modules.FirstOrDefault());
        if (shadow.Module == first?.Id)
        {
            yield return ("shadow.module", $"'{shadow.Module}' is the route's first module: name another one to compare it with.");
        }

        foreach (var (field, id) in new[] { ("shadow.module", shadow.Module), ("shadow.judge", shadow.Judge) })
        {
            if (id is not null && ProblemOf(id, first, providers, modules) is { } problem)
            {
                yield return (field, problem);
            }
        }
    }

    private static string? ProblemOf(string id, Module? first, IReadOnlyList<Provider> providers, IReadOnlyList<Module> modules)
    {
        if (modules.FirstOrDefault(m => m.Id == id) is not { } module)
        {
            return $"There is no module '{id}'.";
        }

        // Without a first module the route is wrong itself, which is told beside.
        return first is null ? null
            : DialectOf(module) is { } dialect && DialectOf(first) is { } spoken && dialect != spoken
            ? $"'{id}' speaks {dialect.Wire()}; the route's first module, '{first.Id}', speaks {spoken.Wire()}."
            : module.Trust < first.Trust
            ? $"'{id}' is trusted less ({module.Trust.Wire()}) than the route's first module, '{first.Id}' ({first.Trust.Wire()})."
            : null;

        Dialect? DialectOf(Module of) => providers.FirstOrDefault(p => p.Id == of.Provider)?.Dialect;
    }

    // Tools without a type, functions and custom tools are run by the caller, where it gets such an answer; the others may be run by the provider.
    private static bool IsRunByTheCaller(JsonElement tool) =>
        tool.ValueKind == JsonValueKind.Object
        && (!tool.TryGetProperty("type", out var type) || type.ValueKind == JsonValueKind.Null
            || (type.ValueKind == JsonValueKind.String && type.GetRawText() is "\"function\"" or "\"custom\""));

    // An id's own bits are partly a time and a version: its hash is even.
    private static ulong HashOf(Guid call)
    {
        Span<byte> id = stackalloc byte[16];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        call.TryWriteBytes(id);
        SHA256.HashData(id, hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash);
    }
}
