namespace ControlCenter.Runtime.Models;

/// <summary>The gateway's settings.</summary>
/// <param name="CatalogueFile">A JSON file of providers, modules, prices and routes that is read at start (<c>CC_MODELS</c>); null for none.</param>
/// <param name="LargestBodyMiB">The largest request that is passed on (<c>CC_GATEWAY_BODY_MIB</c>).</param>
public sealed record GatewayOptions(string? CatalogueFile = null, int LargestBodyMiB = GatewayOptions.DefaultBodyMiB)
{
    /// <summary>A request with 50 MiB of images, and its words.</summary>
    public const int DefaultBodyMiB = 64;

    /// <summary>The body is held in memory while it may have to be sent again.</summary>
    public const int MostBodyMiB = 1024;
}
