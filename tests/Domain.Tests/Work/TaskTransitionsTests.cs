using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using FsCheck;
using FsCheck.Fluent;

namespace ControlCenter.Domain.Tests.Work;

public sealed class TaskTransitionsTests
{
    [Fact]
    public void A_terminal_task_never_moves()
    {
        foreach (var state in Enum.GetValues<TaskState>().Where(TaskTransitions.IsTerminal))
        {
            TaskTransitions.Table.Keys.ShouldNotContain(move => move.From == state);
        }
    }

    [Fact]
    public void Every_state_is_reached_and_every_state_that_is_not_terminal_can_be_left()
    {
        foreach (var state in Enum.GetValues<TaskState>())
        {
            (TaskTransitions.IsTerminal(state) || TaskTransitions.Table.Keys.Any(move => move.From == state)).ShouldBeTrue(state.ToString());
            (state is TaskState.Blocked or TaskState.Ready || TaskTransitions.Table.Values.Contains(state)).ShouldBeTrue(state.ToString());
        }
    }

    [Fact]
    public void A_random_walk_only_takes_moves_of_the_table_and_a_lease_is_only_had_by_a_claim() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<TaskTrigger[]>(), triggers =>
        {
            var state = TaskState.Ready;
            foreach (var trigger in triggers)
            {
                if (!TaskTransitions.Table.TryGetValue((state, trigger), out var next))
                {
                    var refused = Should.Throw<ConflictException>(() => TaskTransitions.Next(state, trigger));
                    refused.Code.ShouldBe(ProblemTypes.InvalidTransition);
                    continue;
                }

                if (TaskTransitions.HoldsLease(next) && !TaskTransitions.HoldsLease(state))
                {
                    trigger.ShouldBe(TaskTrigger.Claimed);
                }

                state = next;
            }
        }));

    /// <summary>The whole table of bus-api.md, Work, so that a changed line shows as one.</summary>
    [Theory]
    [InlineData(TaskState.Blocked, "dependencies_met>ready cancelled>cancelled")]
    [InlineData(TaskState.Ready, "dependency_added>blocked claimed>leased cancelled>cancelled")]
    [InlineData(TaskState.Leased, "started>running asked_human>waiting_human completed>completed failed_for_good>failed failed_retryably>ready lease_expired>ready attempts_exhausted>failed released>ready cancelled>cancelled")]
    [InlineData(TaskState.Running, "asked_human>waiting_human completed>completed failed_for_good>failed failed_retryably>ready lease_expired>ready attempts_exhausted>failed released>ready cancelled>cancelled")]
    [InlineData(TaskState.WaitingHuman, "answered>running completed>completed failed_for_good>failed failed_retryably>ready lease_expired>ready attempts_exhausted>failed released>ready cancelled>cancelled")]
    [InlineData(TaskState.Completed, "")]
    [InlineData(TaskState.Failed, "")]
    [InlineData(TaskState.Cancelled, "")]
    public void From_each_state_just_these_moves_are_allowed(TaskState from, string moves) =>
        TaskTransitions.Table.Where(move => move.Key.From == from).OrderBy(move => move.Key.Trigger)
            .Select(move => $"{move.Key.Trigger.Wire()}>{move.Value.Wire()}").ShouldBe(moves.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    [Fact]
    public void A_lease_is_held_in_just_the_three_states_that_an_agent_works_in() =>
        Enum.GetValues<TaskState>().Where(TaskTransitions.HoldsLease).ShouldBe([TaskState.Leased, TaskState.Running, TaskState.WaitingHuman]);

    [Fact]
    public void A_refusal_names_what_is_allowed() =>
        Should.Throw<ConflictException>(() => TaskTransitions.Next(TaskState.Ready, TaskTrigger.Completed)).Message.ShouldContain("claimed");

    [Fact]
    public void A_circle_is_found_and_a_diamond_is_none()
    {
        Guid[] t = [.. Enumerable.Range(0, 4).Select(_ => Guid.CreateVersion7())];
        DependencyGraph.FindCycle([(t[0], t[1]), (t[0], t[2]), (t[1], t[3]), (t[2], t[3])]).ShouldBeNull();
        var cycle = DependencyGraph.FindCycle([(t[0], t[1]), (t[1], t[2]), (t[2], t[0])]).ShouldNotBeNull();
        cycle[0].ShouldBe(cycle[^1]);
        cycle.Count.ShouldBe(4);
    }

    [Fact]
    public void A_task_that_waits_for_itself_is_the_smallest_circle()
    {
        var task = Guid.CreateVersion7();
        DependencyGraph.FindCycle([(task, task)]).ShouldBe([task, task]);
        DependencyGraph.FindCycle([]).ShouldBeNull();
    }

    [Fact]
    public void A_chain_of_a_hundred_thousand_tasks_does_not_use_up_the_stack()
    {
        var chain = Enumerable.Range(0, 100_000).Select(n => (new Guid(n, 0, 0, new byte[8]), new Guid(n + 1, 0, 0, new byte[8]))).ToList();
        DependencyGraph.FindCycle(chain).ShouldBeNull();
        chain.Add((chain[^1].Item2, chain[0].Item1));
        DependencyGraph.FindCycle(chain)!.Count.ShouldBe(100_002);
    }

    [Fact]
    public void The_circle_that_is_named_is_made_of_edges_that_were_given() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<(byte, byte)[]>(), pairs =>
        {
            static Guid Id(byte n) => new(n % 8, 0, 0, new byte[8]);
            var edges = pairs.Select(p => (Id(p.Item1), Id(p.Item2))).ToArray();
            var cycle = DependencyGraph.FindCycle(edges) ?? [];
            cycle.Zip(cycle.Skip(1)).ShouldAllBe(step => edges.Contains(step));
        }));

    [Fact]
    public void Circles_are_found_just_where_repeated_removal_of_leaves_gets_stuck() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<(byte, byte)[]>(), pairs =>
        {
            static Guid Id(byte n) => new(n % 8, 0, 0, new byte[8]);
            var edges = pairs.Select(p => (Id(p.Item1), Id(p.Item2))).ToArray();
            var left = edges.ToList();
            while (left.RemoveAll(e => !left.Exists(o => o.Item1 == e.Item2)) > 0)
            {
            }

            (DependencyGraph.FindCycle(edges) is not null).ShouldBe(left.Count > 0);
        }));
}
