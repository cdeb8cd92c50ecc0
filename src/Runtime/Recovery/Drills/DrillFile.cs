using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using YamlDotNet.Core;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>The drills' records as a file (blueprint 10.8, step 6), which is there also where the database is not.</summary>
/// <param name="path"><c>CC_HOME/state/restore_drills.yaml</c>.</param>
public sealed class DrillFile(string path) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>Adds a drill's record, or replaces it. Whoever reads the file finds the old one or the new one, whole.</summary>
    /// <exception cref="InvalidDataException">What is there is not a list of records; it is left as it is.</exception>
    public async Task WriteAsync(RestoreDrillView drill, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var records = File.Exists(path) ? Read(await File.ReadAllTextAsync(path, cancellationToken)) : [];
            records.RemoveAll(r => r.DrillId == drill.DrillId.ToString());
            records.Add(Entry.Of(drill));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var next = path + ".next";
            await using (var file = new FileStream(next, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write }))
            {
                await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(Yaml().Serialize(records)), cancellationToken);
                file.Flush(flushToDisk: true);
            }

            File.Move(next, path, overwrite: true);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    private List<Entry> Read(string text)
    {
        try
        {
            return new DeserializerBuilder().WithNamingConvention(UnderscoredNamingConvention.Instance).IgnoreUnmatchedProperties().Build().Deserialize<List<Entry>?>(text) ?? [];
        }
        catch (YamlException fault)
        {
            throw new InvalidDataException($"{path} is not the drills' list of records, and is left as it is: {fault.Message}", fault);
        }
    }

    private static ISerializer Yaml() => new SerializerBuilder().WithNamingConvention(UnderscoredNamingConvention.Instance).Build();

    /// <summary>A record in the blueprint's words.</summary>
    private sealed class Entry
    {
        public string DrillId { get; set; } = "";

        public string Scenario { get; set; } = "";

        public string DrillDate { get; set; } = "";

        public string? SnapshotId { get; set; }

        public decimal? SnapshotAgeHours { get; set; }

        public int? TablesVerified { get; set; }

        public decimal? TableCountDriftPct { get; set; }

        public decimal? DataFreshnessHours { get; set; }

        public bool WalPitrTested { get; set; }

        public string PassFail { get; set; } = "";

        public string? Notes { get; set; }

        public string Executor { get; set; } = "";

        public decimal? DurationSeconds { get; set; }

        public string? RootCause { get; set; }

        public static Entry Of(RestoreDrillView drill) => new()
        {
            DrillId = drill.DrillId.ToString(),
            Scenario = drill.Scenario.Wire(),
            DrillDate = drill.DrillDate.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture),
            SnapshotId = drill.SnapshotId,
            SnapshotAgeHours = drill.SnapshotAgeHours,
            TablesVerified = drill.TablesVerified,
            TableCountDriftPct = drill.TableCountDriftPct,
            DataFreshnessHours = drill.DataFreshnessHours,
            WalPitrTested = drill.WalPitrTested,
            PassFail = drill.State switch { DrillState.Passed => "pass", DrillState.Failed => "fail", _ => drill.State.Wire() },
            Notes = string.Join(" ", new[] { drill.Problem, drill.Notes }.OfType<string>()) is { Length: > 0 } notes ? notes : null,
            Executor = drill.Executor,
            DurationSeconds = drill.Seconds,
            RootCause = drill.RootCause,
        };
    }
}
