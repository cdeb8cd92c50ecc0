using System.Reflection;

namespace ControlCenter.Hosting;

/// <summary>Which version this is.</summary>
internal static class HostVersion
{
    /// <summary>As built: <c>0.1.0</c>.</summary>
    public static string Current { get; } =
        typeof(HostVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
