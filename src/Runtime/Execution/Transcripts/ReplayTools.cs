using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Runner.Adapters;
using Npgsql;

namespace ControlCenter.Runtime.Execution.Transcripts;

/// <summary>A list of tools that is to be tried on what was done.</summary>
/// <param name="Tools">The list, as a definition would have it.</param>
/// <param name="Days">On the runtimes of so many days: 1 to 90.</param>
public sealed record ReplayToolsRequest(string[] Tools, int Days = 30);

/// <summary>What the list makes of the calls of one tool.</summary>
/// <param name="Tool">The tool, as its program names it.</param>
/// <param name="Calls">How often it was called.</param>
/// <param name="Refused">How many of them would have been refused.</param>
/// <param name="Unjudged">Of how many that cannot be told.</param>
/// <param name="RuntimeId">Who made the newest call that would not simply have been let through.</param>
/// <param name="Example">With what; its beginning.</param>
public sealed record ReplayedTool(string Tool, long Calls, long Refused, long Unjudged, Guid? RuntimeId, string? Example);

/// <summary>What the list would have made of what was done.</summary>
/// <param name="Definition">Whose.</param>
/// <param name="Days">Of so many days.</param>
/// <param name="Runtimes">Runtimes whose transcripts were read.</param>
/// <param name="Missing">Runtimes whose transcripts are not there any more.</param>
/// <param name="Calls">Calls in them.</param>
/// <param name="Refused">Of these, that would have been refused.</param>
/// <param name="Unjudged">Of these, of which that cannot be told.</param>
/// <param name="IsCut">There was more than is read at once: the newest were.</param>
/// <param name="Tools">By tool: most refused first.</param>
public sealed record ReplayedTools(
    string Definition, int Days, int Runtimes, int Missing, long Calls, long Refused, long Unjudged, bool IsCut, IReadOnlyList<ReplayedTool> Tools);

/// <summary>Tries a list of tools on the calls that a definition's agents have made: what was called is read out of the transcripts by the adapter that read it when it was said (AR-08).</summary>
public sealed class ReplayTools(NpgsqlDataSource database, TranscriptStore transcripts)
{
    private const int MostTools = 200;
    private const int MostDays = 90;

    // Some ten seconds of reading.
    private const int MostRuntimes = 500;
    private const long MostLines = 1_000_000;
    private const int LinesAtOnce = 2_000;
    private const int LongestExample = 200;

    /// <summary>Tries it.</summary>
    /// <exception cref="ForbiddenException">The caller may not write definitions: it is told what was called with what.</exception>
    /// <exception cref="NotFoundException">There is no such definition.</exception>
    public async Task<ReplayedTools> ExecuteAsync(string definition, ReplayToolsRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageDefinitions);
        new FieldErrors()
            .Add("tools", request.Tools is null ? "It must be there; an empty list is the adapter's own." : TextRules.NameList(request.Tools, MostTools))
            .Add("days", request.Days is < 1 or > MostDays ? $"From 1 to {MostDays}; {request.Days} was given." : null)
            .ThrowIfAny();
        var runtimes = await RuntimesAsync(definition, request.Days, cancellationToken);
        var tally = new Tally(request.Tools!);
        var (left, missing, isCut) = (MostLines, 0, runtimes.Count > MostRuntimes);
        foreach (var runtime in runtimes.Take(MostRuntimes))
        {
            cancellationToken.ThrowIfCancellationRequested();
            isCut |= runtime.Standing.Lines > left;
            if (left == 0)
            {
                break;
            }

            var file = transcripts.Of(runtime.Session, runtime.Id);
            if (file.Length == 0)
            {
                missing++;
                continue;
            }

            left -= Read(runtime, file, left, tally);
        }

        return tally.Of(definition, request.Days, missing, isCut);
    }

    private static long Read(Row runtime, TranscriptFile file, long most, Tally tally)
    {
        tally.Runtimes++;
        if (AdapterRegistry.Standard.Find(runtime.Adapter)?.Interpret() is not { } interpreter)
        {
            return 0;
        }

        var end = Math.Min(runtime.Standing.Lines, most);
        for (var first = 0L; first < end; first += LinesAtOnce)
        {
            foreach (var line in file.Read(runtime.Standing, first, (int)Math.Min(LinesAtOnce, end - first)))
            {
                foreach (var call in interpreter.Read(line.Source, line.Text).OfType<AdapterSignal.ToolCalled>())
                {
                    tally.Add(runtime, call);
                }
            }
        }

        return end;
    }

    private async Task<List<Row>> RuntimesAsync(string definition, int days, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select d.id, r.id, r.session_id, r.adapter, r.transcript_lines, r.transcript_bytes
            from agent_definitions d left join lateral (
                select * from runtimes r where r.definition_id = d.id and r.transcript_lines > 0 and r.transcript_removed_at is null and r.requested_at > clock_timestamp() - make_interval(days => @days)
                order by r.requested_at desc limit @most) r on true
            where d.name = @name and d.removed_at is null
            """);
        command.Parameters.AddWithValue("name", definition);
        command.Parameters.AddWithValue("days", days);
        command.Parameters.AddWithValue("most", MostRuntimes + 1);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var (found, rows) = (false, new List<Row>());
        while (await reader.ReadAsync(cancellationToken))
        {
            found = true;
            if (!reader.IsDBNull(1))
            {
                rows.Add(new Row(reader.GetGuid(1), reader.GetGuid(2), reader.GetString(3), new TranscriptStanding(reader.GetInt64(4), reader.GetInt64(5))));
            }
        }

        return found ? rows : throw new NotFoundException("agent definition", definition);
    }

    private sealed record Row(Guid Id, Guid Session, string Adapter, TranscriptStanding Standing);

    private sealed class Tally(IReadOnlyList<string> tools)
    {
        private readonly Dictionary<string, ReplayedTool> _byTool = new(StringComparer.Ordinal);

        public int Runtimes { get; set; }

        public void Add(Row runtime, AdapterSignal.ToolCalled call)
        {
            var verdict = ToolPolicy.Judge(runtime.Adapter, tools, call.Tool, call.Arguments);
            var so = _byTool.GetValueOrDefault(call.Tool) ?? new ReplayedTool(call.Tool, 0, 0, 0, null, null);
            _byTool[call.Tool] = so with
            {
                Calls = so.Calls + 1,
                Refused = so.Refused + (verdict == ToolVerdict.Refused ? 1 : 0),
                Unjudged = so.Unjudged + (verdict == ToolVerdict.Unjudged ? 1 : 0),
                RuntimeId = so.RuntimeId ?? (verdict == ToolVerdict.Allowed ? null : runtime.Id),
                Example = so.Example ?? (verdict == ToolVerdict.Allowed ? null : call.Arguments[..Math.Min(call.Arguments.Length, LongestExample)]),
            };
        }

        public ReplayedTools Of(string definition, int days, int missing, bool isCut)
        {
            ReplayedTool[] replayed = [.. _byTool.Values.OrderByDescending(t => t.Refused).ThenByDescending(t => t.Unjudged).ThenByDescending(t => t.Calls).ThenBy(t => t.Tool, StringComparer.Ordinal)];
            return new ReplayedTools(definition, days, Runtimes, missing, replayed.Sum(t => t.Calls), replayed.Sum(t => t.Refused), replayed.Sum(t => t.Unjudged), isCut, replayed);
        }
    }
}
